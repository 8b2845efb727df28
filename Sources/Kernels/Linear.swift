/// An affine map of rows, y = x·Wᵀ + b, and its gradient, over BLAS.
///
/// Weight and bias come as one span, (outputs, inputs) and then (outputs), as they lie in a model's
/// weights.
package enum Linear {
  /// Writes `y`, (rows, outputs), for `x`, (rows, inputs).
  package static func forward(
    _ x: Span<Float>,
    weightAndBias: Span<Float>,
    inputs: Int,
    into y: inout MutableSpan<Float>,
  ) {
    let outputs = weightAndBias.count / (inputs + 1)
    precondition(weightAndBias.count == outputs * (inputs + 1))
    let rows = x.count / inputs
    if rows == 0 { return }
    Lanes.repeatRow(weightAndBias.extracting(last: outputs), into: &y)
    Gemm.multiply(
      x,
      transposed: false,
      weightAndBias.extracting(first: outputs * inputs),
      transposed: true,
      into: &y,
      m: rows,
      n: outputs,
      k: inputs,
      beta: 1
    )
  }

  /// Adds `dy·W` to `dx`.
  package static func backward(
    dy: Span<Float>,
    weightAndBias: Span<Float>,
    inputs: Int,
    dx: inout MutableSpan<Float>,
  ) {
    let outputs = weightAndBias.count / (inputs + 1)
    precondition(weightAndBias.count == outputs * (inputs + 1))
    let rows = dy.count / outputs
    if rows == 0 { return }
    Gemm.multiply(
      dy,
      transposed: false,
      weightAndBias.extracting(first: outputs * inputs),
      transposed: false,
      into: &dx,
      m: rows,
      n: inputs,
      k: outputs,
      beta: 1
    )
  }

  /// Adds `dyᵀ·x` and the column sums of `dy` to the gradient of weight and bias.
  package static func backward(
    x: Span<Float>,
    dy: Span<Float>,
    inputs: Int,
    dweightAndBias: inout MutableSpan<Float>,
  ) {
    let outputs = dweightAndBias.count / (inputs + 1)
    precondition(dweightAndBias.count == outputs * (inputs + 1))
    let rows = dy.count / outputs
    if rows == 0 { return }
    do {
      var dweight = dweightAndBias._mutatingExtracting(first: outputs * inputs)
      Gemm.multiply(
        dy,
        transposed: true,
        x,
        transposed: false,
        into: &dweight,
        m: outputs,
        n: inputs,
        k: rows,
        beta: 1
      )
    }
    var dbias = dweightAndBias._mutatingExtracting(last: outputs)
    Lanes.addRows(dy, to: &dbias)
  }
}
