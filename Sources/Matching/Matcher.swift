internal import Kernels

/// An item's index and its score: the inner product of its embedding with an oracle.
package struct Match: Equatable, Sendable {
  package var item: Int32
  package var score: Float

  package init(item: Int32, score: Float) {
    self.item = item
    self.score = score
  }
}

/// Exact matching of generated embeddings ("oracle items") with a catalogue.
///
/// It keeps its scratch and its results.
package struct Matcher: Sendable {
  private var scan = TopKScan()
  /// The rows' matches, one row after the other.
  private var matches: [Match] = []
  /// Where each row's begin, and the last row's end.
  private var starts = [0]

  package init() {}

  /// Finds the `k` best items for each of the `oracles` (rows, d).
  ///
  /// `seen` names the items that each row must not get, (rows), or is empty to filter none. A
  /// result does not depend on the other rows; ties go to the lower index; fewer than k, or none,
  /// remain when filters leave no more, or scores are not numbers.
  package mutating func match(
    _ oracles: Span<Float>,
    with catalogue: Catalogue,
    k: Int,
    seen: [[Int32]] = [],
    filter: ItemFilter? = nil
  ) {
    precondition(seen.isEmpty || seen.count * catalogue.width == oracles.count)
    scan.scan(
      oracles,
      over: catalogue.embeddings,
      k: k,
      allowed: filter?.masks,
      excluded: seen
    )
    matches.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    for row in 0..<(oracles.count / catalogue.width) {
      starts.append(matches.count)
      for entry in scan[row] { matches.append(Match(item: entry.item, score: entry.score)) }
    }
    starts.append(matches.count)
  }

  /// A row's matches, best first.
  ///
  /// To be let go of before the next ``match(_:with:k:seen:filter:)``, which copies them otherwise.
  package subscript(row: Int) -> ArraySlice<Match> { matches[starts[row]..<starts[row + 1]] }
}
