package import Kernels

/// An item and how well it matches.
package typealias Match = TopKScan.Found

/// Finds the items nearest to generated embeddings, by inner product, exactly.
package struct Matcher: Sendable {
  package let catalogue: Catalogue
  /// Whether each item may be suggested at all; `nil` when all may.
  private let isAllowed: [Bool]?
  private var scan = TopKScan()

  /// - Parameters:
  ///   - allowed: The only items that may be suggested; `nil` for all. Unknown ids are ignored.
  ///   - denied: Items that may not be suggested. Unknown ids are ignored.
  package init(_ catalogue: Catalogue, allowed: Set<String>? = nil, denied: Set<String> = []) {
    self.catalogue = catalogue
    isAllowed =
      allowed == nil && denied.isEmpty
      ? nil : catalogue.ids.map { allowed?.contains($0) != false && !denied.contains($0) }
  }

  /// The best `count` items of each row of `oracles`, best first, ties by index.
  ///
  /// - Parameters:
  ///   - oracles: Generated embeddings, (rows, d).
  ///   - count: How many items a row gets; fewer when the filters leave fewer.
  ///   - seen: Items each row must not get, (rows); empty when none are barred.
  package mutating func match(
    _ oracles: Span<Float>,
    count: Int,
    seen: [[Int32]] = []
  ) -> [[Match]] {
    let isAllowed = isAllowed
    if isAllowed == nil, seen.isEmpty {
      return scan.run(oracles, catalogue.embeddings, k: count)
    }
    return scan.run(oracles, catalogue.embeddings, k: count) { row, index in
      isAllowed?[index] != false && (seen.isEmpty || !seen[row].contains(Int32(index)))
    }
  }

  /// The `count` most popular items that may be suggested; their clicks are their scores.
  package func popular(_ count: Int, seen: [Int32] = []) -> [Match] {
    catalogue.popular.lazy
      .filter { [isAllowed] index in isAllowed?[Int(index)] != false && !seen.contains(index) }
      .prefix(count)
      .map { [catalogue] in Match(index: $0, score: Float(catalogue.clicks[Int($0)])) }
  }
}
