/// The gradient of `loss` at `x` by central differences, step 1e-5, in double precision.
///
/// Kernels are compared with naive twins written in `Double`, whose differences are exact enough to
/// hold the single-precision gradient to 1e-4.
func numericGradient(at x: [Float], _ loss: ([Double]) -> Double) -> [Double] {
  let step = 1e-5
  let x = x.map(Double.init)
  return x.indices.map { i in
    var (up, down) = (x, x)
    up[i] += step
    down[i] -= step
    return (loss(up) - loss(down)) / (2 * step)
  }
}

/// Whether two rows agree to `tolerance`, relative to numbers above one.
func agree(_ a: [Float], _ b: [Double], _ tolerance: Double = 1e-4) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { abs(Double($0) - $1) <= tolerance * max(1, abs($1)) }
}

func doubles(_ x: [Float]) -> [Double] { x.map(Double.init) }

func dot(_ a: [Double], _ b: [Float]) -> Double {
  zip(a, b).reduce(0) { $0 + $1.0 * Double($1.1) }
}
