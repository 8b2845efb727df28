/// A small dense matrix (n, n) in double precision: rows of eight columns a vector, the rest zero.
struct SquareMatrix {
  typealias Lanes = SIMD8<Double>
  let size: Int
  /// Vectors a row takes.
  let stride: Int
  /// `rows[i · stride + c]` holds columns 8c ..< 8c + 8 of row i.
  private(set) var rows: [Lanes]

  /// A matrix of zeros.
  init(size: Int) {
    self.size = size
    stride = (size + 7) / 8
    rows = [Lanes](repeating: .zero, count: size * stride)
  }

  init(identity size: Int) {
    self.init(size: size)
    addDiagonal(1)
  }

  /// `values` is (n, n), row-major.
  init(_ values: [Float], size: Int) {
    precondition(values.count == size * size)
    self.init(size: size)
    for i in 0..<size {
      for j in 0..<size { self[i, j] = Double(values[i * size + j]) }
    }
  }

  subscript(i: Int, j: Int) -> Double {
    get { rows[i * stride + j / 8][j % 8] }
    set { rows[i * stride + j / 8][j % 8] = newValue }
  }

  var transposed: SquareMatrix {
    var result = SquareMatrix(size: size)
    for i in 0..<size {
      for j in 0..<size { result[j, i] = self[i, j] }
    }
    return result
  }

  /// Row-major, rounded once.
  var floats: [Float] { (0..<(size * size)).map { Float(self[$0 / size, $0 % size]) } }

  mutating func addDiagonal(_ value: Double) {
    for i in 0..<size { self[i, i] += value }
  }

  mutating func add(_ other: SquareMatrix, times factor: Double) {
    for i in rows.indices { rows[i] += other.rows[i] * factor }
  }

  /// Makes this `α · X · Y + β · Z`.
  mutating func setProduct(
    _ alpha: Double,
    _ x: SquareMatrix,
    _ y: SquareMatrix,
    plus beta: Double,
    _ z: SquareMatrix
  ) {
    let (size, stride) = (size, stride)
    for c in 0..<stride {
      var i = 0
      // Two rows share one load of Y: their sums fill the registers.
      while i + 1 < size {
        var (s0, s1) = (Lanes.zero, Lanes.zero)
        for k in 0..<size {
          let yk = y.rows[k * stride + c]
          s0 += x.rows[i * stride + k / 8][k % 8] * yk
          s1 += x.rows[(i + 1) * stride + k / 8][k % 8] * yk
        }
        rows[i * stride + c] = alpha * s0 + beta * z.rows[i * stride + c]
        rows[(i + 1) * stride + c] = alpha * s1 + beta * z.rows[(i + 1) * stride + c]
        i += 2
      }
      if i < size {
        var s = Lanes.zero
        for k in 0..<size { s += x.rows[i * stride + k / 8][k % 8] * y.rows[k * stride + c] }
        rows[i * stride + c] = alpha * s + beta * z.rows[i * stride + c]
      }
    }
  }

  /// `M · v` for a vector (n).
  func times(_ v: [Double]) -> [Double] {
    (0..<size).map { i in (0..<size).reduce(0) { $0 + self[i, $1] * v[$1] } }
  }

  /// The lower factor L with `L · Lᵀ = M`, for a symmetric M without negative eigenvalues.
  ///
  /// A direction without variance (a pivot that is all rounding) gets a column of zeros.
  func choleskyFactor() -> SquareMatrix {
    var factor = SquareMatrix(size: size)
    let largest = (0..<size).reduce(0) { max($0, self[$1, $1]) }
    let rounding = largest * Double(size) * 0x1p-50
    for j in 0..<size {
      let pivot = (0..<j).reduce(self[j, j]) { $0 - factor[j, $1] * factor[j, $1] }
      if pivot <= rounding { continue }
      let root = pivot.squareRoot()
      factor[j, j] = root
      for i in (j + 1)..<max(size, j + 1) {
        let rest = (0..<j).reduce(self[i, j]) { $0 - factor[i, $1] * factor[j, $1] }
        factor[i, j] = rest / root
      }
    }
    return factor
  }
}
