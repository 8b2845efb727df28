internal import Kernels

/// All parameters of a model in one block, so an optimiser or a checkpoint walks one array.
package struct Weights: Equatable, Sendable {
  package let shape: Shape
  /// The tensors of ``Shape/tensors``, one after the other, row-major.
  package var values: [Float]
  private let starts: [BlockTensor: Range<Int>]

  /// A block of zeros.
  package init(shape: Shape) {
    self.init(shape: shape) { [Float](repeating: 0, count: $0) }
  }

  /// A block of as many values as `values` is asked for.
  init(shape: Shape, values: (_ count: Int) -> [Float]) {
    self.shape = shape
    var starts: [BlockTensor: Range<Int>] = [:]
    var end = 0
    for tensor in shape.tensors {
      let count = tensor.tensor.dimensions(in: shape).reduce(1, *)
      starts[tensor] = end..<(end + count)
      end += count
    }
    self.starts = starts
    self.values = values(end)
    precondition(self.values.count == end)
  }

  /// Where a tensor lies in ``values``; empty when the model has none.
  package func range(_ tensor: Tensor, block: Int = 0) -> Range<Int> {
    range(BlockTensor(tensor: tensor, block: block))
  }

  package func range(_ tensor: BlockTensor) -> Range<Int> { starts[tensor] ?? 0..<0 }

  /// The tensors this shape has, but for those of further blocks.
  package var tensors: [Tensor] { shape.tensors.filter { $0.block == 0 }.map(\.tensor) }

  /// A tensor's values, copied.
  package subscript(_ tensor: Tensor) -> [Float] {
    get { Array(values[range(tensor)]) }
    set { values.replaceSubrange(range(tensor), with: newValue) }
  }

  /// The same weights with every row of the item table brought to the length √d.
  ///
  /// The table of a model that learned on the sphere is stored so: then inner products rank as
  /// cosines do.
  package var onSphere: Weights {
    var copy = self
    let (items, d) = (range(.items), shape.width)
    let table = Array(values[items])
    var factors = [Float](repeating: 0, count: items.count / d)
    copy.values.edit(items) { rows in
      var memory = factors.mutableSpan
      Sphere.forward(
        table.span,
        width: d,
        length: Float(d).squareRoot(),
        into: &rows,
        factors: &memory
      )
    }
    return copy
  }
}
