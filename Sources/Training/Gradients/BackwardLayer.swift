internal import Kernels
internal import Network

/// A norm's input and its rows' moments, kept from forward to backward.
struct NormInput {
  var x: [Float] = []
  private var moments: [Float] = []

  /// Normalises `x` into `y`.
  mutating func forward(_ layer: Layer, _ weights: Weights, into y: inout [Float]) {
    let range = weights.range(layer)
    y.resize(to: x.count)
    moments.resize(to: 2 * (x.count / (range.count / 2)))
    moments.edit { [x] moments in
      y.edit {
        LayerNorm.forward(
          x.span,
          gainAndBias: weights.values.span.extracting(range),
          into: &$0,
          moments: &moments
        )
      }
    }
  }

  /// Writes the gradient by `x` to `dx`, and adds that by gain and bias to `gradient`.
  func backward(
    _ layer: Layer,
    _ weights: Weights,
    dy: [Float],
    dx: inout [Float],
    gradient: inout Weights
  ) {
    let range = weights.range(layer)
    dx.clear(x.count)
    gradient.values.edit(range) { dgainAndBias in
      dx.edit {
        LayerNorm.backward(
          x: x.span,
          gainAndBias: weights.values.span.extracting(range),
          moments: moments.span,
          dy: dy.span,
          dx: &$0,
          dgainAndBias: &dgainAndBias
        )
      }
    }
  }
}

extension Weights {
  /// What an affine layer reads, and what it writes.
  private func sizes(_ layer: Layer) -> (range: Range<Int>, inputs: Int, outputs: Int) {
    let range = range(layer)
    let outputs = self.range(layer.tensors.1).count
    return (range, range.count / outputs - 1, outputs)
  }

  /// Applies an affine layer to rows.
  func apply(_ layer: Layer, to x: [Float], into y: inout [Float]) {
    let (range, inputs, outputs) = sizes(layer)
    y.resize(to: x.count / inputs * outputs)
    y.edit {
      Linear.forward(
        x.span,
        weightAndBias: values.span.extracting(range),
        inputs: inputs,
        into: &$0
      )
    }
  }

  /// Writes the gradient by an affine layer's input to `dx`, and adds that by its weight and bias
  /// to `gradient`.
  func backward(
    _ layer: Layer,
    x: [Float],
    dy: [Float],
    dx: inout [Float],
    gradient: inout Weights
  ) {
    let (range, inputs, _) = sizes(layer)
    dx.clear(x.count)
    dx.edit {
      Linear.backward(
        dy: dy.span,
        weightAndBias: values.span.extracting(range),
        inputs: inputs,
        dx: &$0
      )
    }
    gradient.backward(layer, x: x, dy: dy)
  }

  /// Adds the gradient by an affine layer's weight and bias, of which this is the block.
  mutating func backward(_ layer: Layer, x: [Float], dy: [Float]) {
    let (range, inputs, _) = sizes(layer)
    values.edit(range) {
      Linear.backward(x: x.span, dy: dy.span, inputs: inputs, dweightAndBias: &$0)
    }
  }

  /// Adds rows to those rows of a table that `indices` name; a row may be named twice.
  mutating func addRows(_ rows: [Float], to tensor: Tensor, at indices: [Int32]) {
    let width = shape.width
    values.edit(range(tensor)) { table in
      for (i, index) in indices.enumerated() {
        var row = table._mutatingExtracting((Int(index) * width)..<((Int(index) + 1) * width))
        Lanes.add(rows.span.extracting((i * width)..<(i * width + width)), to: &row)
      }
    }
  }
}

extension [Float] {
  /// Takes over `other`'s numbers, keeping its own memory.
  mutating func copy(_ other: [Float]) {
    removeAll(keepingCapacity: true)
    append(contentsOf: other)
  }

  /// Adds `other` number by number.
  mutating func add(_ other: [Float]) { edit { Lanes.add(other.span, to: &$0) } }

  /// Multiplies by `other` number by number; an empty one leaves everything.
  mutating func multiply(by other: [Float]) {
    if other.isEmpty { return }
    precondition(other.count == count)
    edit { for i in $0.indices { $0[i] *= other[i] } }
  }
}
