package import Kernels

/// The items a model knows: their names, their embeddings and how often each was clicked.
///
/// An item's index is its row in the embedding table; ties between items go to the lower index.
package struct Catalogue: Sendable {
  /// The items' ids, (N), by index.
  package var ids: [String] { index.ids }
  /// The embeddings, a row an item, for ``Matcher``.
  package let embeddings: ScanTable
  /// How often each item was clicked in training, (N).
  package let counts: [Int]
  /// All items, the most clicked first.
  private let popular: [Int32]
  private let index: ItemIndex
  /// The mean of the embeddings' squared lengths.
  package let meanSquare: Float

  /// The number of items, N.
  package var count: Int { ids.count }
  /// The embeddings' width, d.
  package var width: Int { embeddings.width }

  /// Makes a catalogue of the ids of `index` (N), with `embeddings` (N, d) row-major and without a
  /// padding row; what these are part of is shared, not copied.
  package init(
    _ index: ItemIndex,
    embeddings: ArraySlice<Float>,
    width: Int,
    counts: [Int]
  ) throws(MatchingFailure) {
    let ids = index.ids
    guard width > 0, embeddings.count == ids.count * width else {
      throw MatchingFailure(
        reason: """
          \(ids.count) items of width \(width) do not fit an embedding table of \
          \(embeddings.count) values
          """
      )
    }
    guard counts.count == ids.count else {
      throw MatchingFailure(reason: "\(ids.count) items come with \(counts.count) click counts")
    }
    if let (first, second) = index.duplicate {
      throw MatchingFailure(
        reason: "item '\(ids[first])' is in the catalogue at \(first) and at \(second)"
      )
    }
    self.embeddings = ScanTable(embeddings, width: width)
    self.counts = counts
    meanSquare = Lanes.dot(embeddings.span, embeddings.span) / Float(max(1, ids.count))
    self.index = index
    popular = (0..<Int32(ids.count)).sorted {
      (counts[Int($1)], $0) < (counts[Int($0)], $1)
    }
  }

  /// An item's index; nil when the model does not know it.
  package func index(of id: String) -> Int32? { index.number(of: id) }

  /// An item's embedding, (d).
  package func embedding(of item: Int32) -> [Float] { embeddings.row(Int(item)) }

  /// The `k` most clicked items with their counts, for those of whom nothing else is known.
  package func mostPopular(_ k: Int, seen: [Int32] = [], filter: ItemFilter? = nil) -> [Match] {
    var matches: [Match] = []
    for item in popular where matches.count < k {
      if filter?.contains(item) == false || seen.contains(item) { continue }
      matches.append(Match(item: item, score: Float(counts[Int(item)])))
    }
    return matches
  }
}
