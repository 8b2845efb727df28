internal import Kernels

/// The items that can be suggested: their ids, their embeddings and how popular they are.
package struct Catalogue: Sendable {
  /// Item ids by index.
  package let ids: [String]
  /// Indices by clicks in training, most first; equal ones by index.
  package let popular: [Int32]
  /// Clicks in training, by index.
  package let clicks: [Int]
  let embeddings: PackedMatrix
  private let indices: [String: Int32]

  /// - Parameters:
  ///   - ids: By index.
  ///   - clicks: By index.
  ///   - embeddings: At least (items, width), row-major; rows beyond, such as padding, are ignored.
  ///   - width: The embeddings' width, d.
  package init(ids: [String], clicks: [Int], embeddings: Span<Float>, width: Int) {
    precondition(ids.count == clicks.count && embeddings.count >= ids.count * width)
    self.ids = ids
    self.clicks = clicks
    self.embeddings = PackedMatrix(
      outputsByInputs: embeddings.extracting(0..<(ids.count * width)),
      outputs: ids.count,
      inputs: width
    )
    indices = Dictionary(zip(ids, (0..<Int32(ids.count))), uniquingKeysWith: { first, _ in first })
    popular = (0..<Int32(ids.count)).sorted { (-clicks[Int($0)], $0) < (-clicks[Int($1)], $1) }
  }

  /// The item's index; `nil` when the model does not know it.
  package func index(of id: String) -> Int32? { indices[id] }
}
