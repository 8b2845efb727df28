internal import Kernels
package import Matching

/// Matches oracles with a catalogue, of which some items are live: these go by what was learned of
/// them, and so do those that the catalogue does not have.
///
/// A live item's score is ⟨x̂₀, e⟩ + τ·(β log(1 + n(previous → item)) + γ log(1 + recent clicks)),
/// any other's the inner product alone. A row's result does not depend on the other rows.
package struct LiveMatcher: Sendable {
  /// Rows that share the loads of live embeddings: whole tiles of the product.
  private static let block = 48

  package let table: LiveTable
  private let filter: ItemFilter
  /// Whether each live item may be suggested.
  private let isAllowed: [Bool]
  private var matcher = Matcher()
  private var scores: [Float] = []
  /// The rows' matches, one row after the other.
  private var matches: [Match] = []
  private var starts = [0]

  /// - Parameters:
  ///   - table: What was learned.
  ///   - filter: Which of the catalogue's items may be suggested; `nil` for all.
  ///   - allows: Whether an item may be suggested.
  package init(_ table: LiveTable, filter: ItemFilter?, allows: (String) -> Bool) {
    self.table = table
    self.filter = filter.map { table.others.intersection($0) } ?? table.others
    isAllowed = table.items.map { allows($0.id) }
  }

  /// Finds the `k` best items for each of the `oracles`, (rows, d), whose users clicked `previous`
  /// last; `seen` names items that each row must not get, (rows), or is empty to filter none.
  package mutating func match(
    _ oracles: Span<Float>,
    after previous: [String],
    with catalogue: Catalogue,
    k: Int,
    seen: [[Int32]] = []
  ) {
    let (count, width) = (table.count, catalogue.width)
    precondition(previous.count * width == oracles.count)
    matcher.match(oracles, with: catalogue, k: k, seen: seen, filter: filter)
    matches.removeAll(keepingCapacity: true)
    starts = [0]
    let size = min(Self.block, previous.count) * count
    if scores.count < size { scores = Array(repeating: 0, count: size) }
    var scores = scores
    self.scores = []
    for first in stride(from: 0, to: previous.count, by: Self.block) {
      let rows = first..<min(first + Self.block, previous.count)
      var span = scores.mutableSpan
      if count > 0 {
        var block = span._mutatingExtracting(0..<(rows.count * count))
        let part = oracles.extracting((first * width)..<(rows.upperBound * width))
        Gemm.rows(part, table.embeddings, bias: table.gains.span, into: &block)
      }
      for row in rows {
        let start = (row - first) * count
        var live = span._mutatingExtracting(start..<(start + count))
        table.add(transitionsFrom: previous[row], to: &live)
        var best = Array(matcher[row])
        enter(live.span, k: k, seen: seen.isEmpty ? [] : seen[row], &best)
        matches += best
        starts.append(matches.count)
      }
    }
    self.scores = scores
  }

  /// A row's matches, best first.
  package subscript(row: Int) -> ArraySlice<Match> { matches[starts[row]..<starts[row + 1]] }

  /// The `k` best items for one of whom no more is known than what was clicked last; none while
  /// fewer are live.
  package func recent(after previous: String, k: Int, seen: [Int32]) -> [Match] {
    var scores = table.gains
    var span = scores.mutableSpan
    table.add(transitionsFrom: previous, to: &span)
    var best: [Match] = []
    enter(span.span, k: k, seen: seen, &best)
    return best.count == k ? best : []
  }

  /// Puts live items into a list of the `k` best, the lower number first where scores are equal.
  private func enter(_ scores: Span<Float>, k: Int, seen: [Int32], _ best: inout [Match]) {
    // Above what is no number.
    var bar = -Float.greatestFiniteMagnitude
    if best.count == k { bar = best.last?.score ?? .infinity }
    for place in scores.indices where scores[place] >= bar && isAllowed[place] {
      let match = Match(item: table.index(at: place), score: scores[place])
      func precedes(_ other: Match) -> Bool {
        match.score > other.score || (match.score == other.score && match.item < other.item)
      }
      if best.count == k, best.last.map(precedes) != true { continue }
      if seen.contains(match.item) { continue }
      best.insert(match, at: best.firstIndex(where: precedes) ?? best.count)
      if best.count > k { best.removeLast() }
      if best.count == k, let last = best.last { bar = last.score }
    }
  }
}
