internal import Glibc

/// How often a positive quantity was how large, within 5 %, in memory that does not grow.
package struct LogHistogram: Equatable, Sendable {
  /// Buckets in which a quantity doubles.
  private static let perOctave = 16.0

  /// By bucket: how often.
  private(set) var counts: [Int: Int] = [:]
  package private(set) var total = 0

  package init() {}

  package mutating func add(_ value: Double) {
    guard value > 0, value.isFinite else { return }
    counts[Int((log2(value) * Self.perOctave).rounded(.down)), default: 0] += 1
    total += 1
  }

  /// What so large a share of all lies below; 0 of none.
  package func quantile(_ share: Double) -> Double {
    var below = 0
    for (bucket, count) in counts.sorted(by: { $0.key < $1.key }) {
      below += count
      if Double(below) >= share * Double(total) { return Self.middle(bucket) }
    }
    return 0
  }

  /// The buckets that have any, as their middle and their count, in order.
  package var bars: [(value: Double, count: Int)] {
    counts.sorted { $0.key < $1.key }.map { (Self.middle($0.key), $0.value) }
  }

  private static func middle(_ bucket: Int) -> Double {
    exp2((Double(bucket) + 0.5) / perOctave)
  }
}
