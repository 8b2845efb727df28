internal import COpenBLAS

/// Matrix products.
///
/// ``rows(_:_:bias:into:adding:)`` serves: a row's result never depends on its batch.
/// ``multiply(_:transposed:_:transposed:into:m:n:k:alpha:beta:)`` learns: BLAS, without that
/// promise.
package enum Gemm {
  /// Rows that share one load of the weights; 6 × 16 sums fill the sixteen 256-bit registers.
  static let tile = 6

  /// Writes `y = x · Wᵀ + bias`, or adds it to `y`.
  ///
  /// Every output is summed over the inputs in order, then the bias, then what `y` held: the bits
  /// of a row are the same alone and in a batch of any size.
  ///
  /// - Parameters:
  ///   - x: (rows, inputs), row-major.
  ///   - weight: (outputs, inputs), packed.
  ///   - bias: (outputs), or nil for none.
  ///   - y: (rows, outputs), row-major; its size gives the number of rows.
  ///   - adding: Whether `y` keeps what it held.
  package static func rows(
    _ x: Span<Float>,
    _ weight: PackedMatrix,
    bias: Span<Float>? = nil,
    into y: inout MutableSpan<Float>,
    adding: Bool = false,
  ) {
    let (inputs, outputs) = (weight.inputs, weight.outputs)
    precondition(inputs > 0 && outputs > 0)
    let rows = y.count / outputs
    precondition(y.count == rows * outputs && x.count == rows * inputs)
    if let bias { precondition(bias.count == outputs) }
    let panels = (outputs + PackedMatrix.lanes - 1) / PackedMatrix.lanes
    precondition(weight.panels.count == panels * inputs)

    unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeMutableBufferPointer { y in
        unsafe weight.panels.withUnsafeBufferPointer { w in
          guard let x = x.baseAddress, let y = y.baseAddress, let w = w.baseAddress else { return }
          func run(_ bias: UnsafePointer<Float>?) {
            unsafe Product(
              x: x,
              w: w,
              bias: bias,
              y: y,
              inputs: inputs,
              outputs: outputs,
              panels: panels,
              adding: adding
            ).run(rows: rows)
          }
          if let bias {
            unsafe bias.withUnsafeBufferPointer { unsafe run($0.baseAddress) }
          } else {
            run(nil)
          }
        }
      }
    }
  }

  /// Writes `C = α · op(A) · op(B) + β · C`, all row-major.
  ///
  /// `a` is (m, k), or (k, m) when transposed; `b` is (k, n), or (n, k) when transposed; `c` is
  /// (m, n). A matrix may be some columns of a wider one: then its stride is from row to row.
  package static func multiply(
    _ a: Span<Float>,
    transposed aTransposed: Bool = false,
    _ b: Span<Float>,
    transposed bTransposed: Bool = false,
    into c: inout MutableSpan<Float>,
    m: Int,
    n: Int,
    k: Int,
    alpha: Float = 1,
    beta: Float = 0,
    strides: (a: Int?, b: Int?, c: Int?) = (nil, nil, nil),
  ) {
    precondition(m > 0 && n > 0 && k > 0)
    func stride(_ given: Int?, _ count: Int, rows: Int, columns: Int) -> blasint {
      let stride = given ?? columns
      precondition(stride >= columns && count >= (rows - 1) * stride + columns)
      if given == nil { precondition(count == rows * columns) }
      return blasint(stride)
    }
    let (aRows, aColumns) = aTransposed ? (k, m) : (m, k)
    let (bRows, bColumns) = bTransposed ? (n, k) : (k, n)
    let aStride = stride(strides.a, a.count, rows: aRows, columns: aColumns)
    let bStride = stride(strides.b, b.count, rows: bRows, columns: bColumns)
    let cStride = stride(strides.c, c.count, rows: m, columns: n)
    _ = oneThread
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          unsafe cblas_sgemm(
            CblasRowMajor,
            aTransposed ? CblasTrans : CblasNoTrans,
            bTransposed ? CblasTrans : CblasNoTrans,
            blasint(m),
            blasint(n),
            blasint(k),
            alpha,
            a.baseAddress,
            aStride,
            b.baseAddress,
            bStride,
            beta,
            c.baseAddress,
            cStride
          )
        }
      }
    }
  }

  /// Threads a call of `multiply` may use; one, unless set.
  package static var threads: Int {
    get {
      _ = oneThread
      return Int(openblas_get_num_threads())
    }
    set {
      precondition(newValue > 0)
      _ = oneThread
      openblas_set_num_threads(Int32(newValue))
    }
  }

  /// OpenBLAS would take every core; a worker is one of several processes.
  private static let oneThread: Void = openblas_set_num_threads(1)
}
