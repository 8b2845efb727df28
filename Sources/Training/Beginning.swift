internal import Kernels
package import Network

extension Weights {
  /// Takes what another model has learned: its encoder, of its denoiser every tensor of the same
  /// name and dimensions, and the embeddings of the items that both know.
  ///
  /// Pre-training the embeddings with the encoder alone is ADRec's (2025, section 4.3).
  ///
  /// - Parameters:
  ///   - model: The model that was learned before.
  ///   - items: The catalogue of these weights.
  ///   - length: What item embeddings are brought to, where their length tells nothing; an update
  ///     turns a shorter one further.
  /// - Throws: When the model's encoder is of another shape.
  package mutating func take(
    from model: Model,
    items: ItemTable,
    length: Float?
  ) throws(TrainingFailure) {
    let other = model.weights.shape
    for (name, ours, theirs) in [
      ("length", shape.length, other.length), ("width", shape.width, other.width),
      ("blocks", shape.blocks, other.blocks), ("heads", shape.heads, other.heads),
    ] where ours != theirs {
      throw TrainingFailure("the model to begin with has \(name) \(theirs), this one \(ours)")
    }
    let shared = Set(other.tensors)
    for tensor in shape.tensors where shared.contains(tensor) && tensor.tensor != .items {
      let (to, from) = (range(tensor), model.weights.range(tensor))
      // A denoiser of another kind begins anew.
      if to.count == from.count { values.replaceSubrange(to, with: model.weights.values[from]) }
    }
    let d = shape.width
    let rows = Dictionary(uniqueKeysWithValues: zip(model.items.ids, 0...))
    let (to, from) = (range(.items).lowerBound, model.weights.range(.items).lowerBound)
    for (row, id) in items.ids.enumerated() {
      guard let other = rows[id] else { continue }
      let learned = model.weights.values[(from + other * d)..<(from + other * d + d)]
      let square = learned.reduce(0) { $0 + $1 * $1 }
      let scale = length.map { square > 0 ? $0 / square.squareRoot() : 1 } ?? 1
      for (i, value) in zip(0..., learned) { values[to + row * d + i] = scale * value }
    }
  }
}
