/// How often the relevant item stood at which rank: all that rank metrics need, in little room.
package struct RankCounts: Equatable, Sendable {
  /// Ranks from here on count as not found.
  package static let depth = RankMetric.cutoffs.max() ?? 50

  /// By rank, from 0.
  private(set) var counts = [Int](repeating: 0, count: depth)
  /// Those that were not found too.
  package private(set) var total = 0

  package init() {}

  /// Counts one more; `nil` was not found.
  package mutating func add(_ rank: Int?) {
    total += 1
    if let rank, rank < Self.depth { counts[rank] += 1 }
  }

  /// Adds others' counts.
  mutating func add(_ other: RankCounts) {
    total += other.total
    for rank in counts.indices { counts[rank] += other.counts[rank] }
  }

  /// The metric's mean; 0 of none.
  package func mean(_ metric: RankMetric) -> Double {
    if total == 0 { return 0 }
    var sum = 0.0
    for rank in 0..<min(metric.cutoff, Self.depth) {
      sum += Double(counts[rank]) * metric.value(rank: Int32(rank))
    }
    return sum / Double(total)
  }
}
