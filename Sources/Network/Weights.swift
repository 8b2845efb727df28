/// All parameters of a model in one block, so an optimiser or a checkpoint walks one array.
package struct Weights: Equatable, Sendable {
  package let shape: Shape
  /// The tensors of ``Tensor/allCases``, one after the other, row-major.
  package var values: [Float]
  private let starts: [Tensor: Range<Int>]

  /// A block of zeros.
  package init(shape: Shape) {
    self.shape = shape
    var starts: [Tensor: Range<Int>] = [:]
    var end = 0
    for tensor in Tensor.allCases {
      let dimensions = tensor.dimensions(in: shape)
      if dimensions.isEmpty { continue }
      let count = dimensions.reduce(1, *)
      starts[tensor] = end..<(end + count)
      end += count
    }
    self.starts = starts
    values = [Float](repeating: 0, count: end)
  }

  /// Where a tensor lies in ``values``; empty when the model has none.
  package func range(_ tensor: Tensor) -> Range<Int> { starts[tensor] ?? 0..<0 }

  /// The tensors this shape has, in the order of the block.
  package var tensors: [Tensor] { Tensor.allCases.filter { starts[$0] != nil } }

  /// A tensor's values, copied.
  package subscript(_ tensor: Tensor) -> [Float] {
    get { Array(values[range(tensor)]) }
    set { values.replaceSubrange(range(tensor), with: newValue) }
  }
}
