/// Attention in which every row of a sequence asks the rows up to itself, by heads; and its
/// gradient.
///
/// A head is a slice of the columns: for it, `P = softmax(Q·Kᵀ/√w)` over the rows so far, with w
/// the head's width, and the output is `P·V` (Vaswani and others 2017, equation 1).
package enum CausalAttention {
  /// What all calls for a sequence share: its rows, their width, and the number of heads.
  package struct Form: Sendable {
    package let rows: Int
    package let width: Int
    package let heads: Int
    var headWidth: Int { width / heads }
    var scale: Float { 1 / Float(headWidth).squareRoot() }

    package init(rows: Int, width: Int, heads: Int) {
      precondition(rows > 0 && heads > 0 && width.isMultiple(of: heads))
      self.rows = rows
      self.width = width
      self.heads = heads
    }

    /// How many weights P the heads have, (heads, rows, rows).
    package var weights: Int { heads * rows * rows }

    fileprivate func head(_ head: Int) -> Range<Int> {
      let end = (rows - 1) * width + (head + 1) * headWidth
      return (head * headWidth)..<end
    }

    fileprivate func weights(of head: Int) -> Range<Int> {
      (head * rows * rows)..<((head + 1) * rows * rows)
    }
  }

  /// Writes `output`, (rows, width), and the weights P, which the gradient needs.
  package static func forward(
    _ form: Form,
    query: Span<Float>,
    key: Span<Float>,
    value: Span<Float>,
    weights: inout MutableSpan<Float>,
    into output: inout MutableSpan<Float>,
  ) {
    let (n, d, w) = (form.rows, form.width, form.headWidth)
    for head in 0..<form.heads {
      let columns = form.head(head)
      var p = weights._mutatingExtracting(form.weights(of: head))
      Gemm.multiply(
        query.extracting(columns),
        transposed: false,
        key.extracting(columns),
        transposed: true,
        into: &p,
        m: n,
        n: n,
        k: w,
        alpha: form.scale,
        strides: (d, d, nil)
      )
      eachRowSoFar(&p, n) { _, row in Softmax.forward(&row) }
      var out = output._mutatingExtracting(columns)
      Gemm.multiply(
        p.span,
        value.extracting(columns),
        into: &out,
        m: n,
        n: w,
        k: n,
        strides: (nil, d, d)
      )
    }
  }

  /// Adds to the three gradients what `doutput` asks of them; `scratch` holds (rows, rows).
  package static func backward(
    _ form: Form,
    query: Span<Float>,
    key: Span<Float>,
    value: Span<Float>,
    weights: Span<Float>,
    doutput: Span<Float>,
    scratch: inout MutableSpan<Float>,
    dquery: inout MutableSpan<Float>,
    dkey: inout MutableSpan<Float>,
    dvalue: inout MutableSpan<Float>,
  ) {
    let (n, d, w) = (form.rows, form.width, form.headWidth)
    for head in 0..<form.heads {
      let columns = form.head(head)
      let p = weights.extracting(form.weights(of: head))
      let dout = doutput.extracting(columns)
      var dv = dvalue._mutatingExtracting(columns)
      Gemm.multiply(
        p,
        transposed: true,
        dout,
        into: &dv,
        m: n,
        n: w,
        k: n,
        beta: 1,
        strides: (nil, d, d)
      )
      Gemm.multiply(
        dout,
        transposed: false,
        value.extracting(columns),
        transposed: true,
        into: &scratch,
        m: n,
        n: n,
        k: w,
        strides: (d, d, nil)
      )
      eachRowSoFar(&scratch, n) { part, row in
        Softmax.backward(weights: p.extracting(part), gradient: &row)
      }
      var dq = dquery._mutatingExtracting(columns)
      add(form, scratch.span, transposed: false, key.extracting(columns), to: &dq)
      var dk = dkey._mutatingExtracting(columns)
      add(form, scratch.span, transposed: true, query.extracting(columns), to: &dk)
    }
  }

  /// Adds `scale · S·X`, or Sᵀ, to the columns of a head.
  private static func add(
    _ form: Form,
    _ square: Span<Float>,
    transposed: Bool,
    _ x: Span<Float>,
    to y: inout MutableSpan<Float>
  ) {
    Gemm.multiply(
      square,
      transposed: transposed,
      x,
      into: &y,
      m: form.rows,
      n: form.headWidth,
      k: form.rows,
      alpha: form.scale,
      beta: 1,
      strides: (nil, form.width, form.width)
    )
  }

  /// Changes of each row what lies up to the diagonal, and clears the rest.
  private static func eachRowSoFar(
    _ square: inout MutableSpan<Float>,
    _ n: Int,
    _ change: (Range<Int>, inout MutableSpan<Float>) -> Void
  ) {
    for i in 0..<n {
      let part = (i * n)..<(i * n + i + 1)
      var row = square._mutatingExtracting(part)
      change(part, &row)
      for j in part.upperBound..<((i + 1) * n) { square[j] = 0 }
    }
  }
}
