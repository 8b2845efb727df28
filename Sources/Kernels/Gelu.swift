internal import CVector

/// The Gaussian error linear unit x·Φ(x), with the exact Φ (PyTorch's `nn.GELU`), and its gradient.
package enum Gelu {
  /// Coefficients of erf(z) ≈ z·P(z²)/Q(z²) on |z| ≤ 3.9, fitted to the least absolute error; with
  /// single-precision arithmetic that is 4e-7.
  private static let limit: Float = 3.9
  private static let halfRoot2: Float = 0.707_106_781
  private static let density: Float = 0.398_942_280

  /// erf, to 4e-7 everywhere.
  @inline(__always)
  static func erf(_ x: Lanes.Vector) -> Lanes.Vector {
    let z = x.limited(-limit, limit)
    let s = z * z
    var p = s * 2.050_347_6e-6 + Lanes.Vector(repeating: 2.874_393_5e-4)
    p = p * s + Lanes.Vector(repeating: 3.836_456_2e-3)
    p = p * s + Lanes.Vector(repeating: 5.296_562_2e-2)
    p = p * s + Lanes.Vector(repeating: 0.191_932_4)
    p = p * s + Lanes.Vector(repeating: 1.128_379)
    var q = s * 3.822_938_4e-5 + Lanes.Vector(repeating: 1.181_616_2e-3)
    q = q * s + Lanes.Vector(repeating: 1.510_838_05e-2)
    q = q * s + Lanes.Vector(repeating: 0.114_754_49)
    q = q * s + Lanes.Vector(repeating: 0.503_427_45)
    q = q * s + Lanes.Vector(repeating: 1)
    // Beyond the fit exactly ±1: times a large x, a rounding would show.
    let signs = x.bitPatterns & Int32.min
    let one = Lanes.Vector(bitPatterns: signs | Int32(bitPattern: Float(1).bitPattern))
    return (z * p / q).replacing(with: one, where: x.magnitudes .>= limit)
  }

  @inline(__always)
  static func of(_ x: Lanes.Vector) -> Lanes.Vector {
    x * 0.5 * (erf(x * halfRoot2) + Lanes.Vector(repeating: 1))
  }

  /// Φ(x) + x·φ(x).
  @inline(__always)
  private static func slope(_ x: Lanes.Vector) -> Lanes.Vector {
    let cumulative = 0.5 * (erf(x * halfRoot2) + Lanes.Vector(repeating: 1))
    return cumulative + x * density * Exponential.of(x * x * -0.5)
  }

  /// Writes gelu(x).
  package static func forward(_ x: Span<Float>, into y: inout MutableSpan<Float>) {
    Lanes.map(x, into: &y, of)
  }

  /// Adds `dy · gelu′(x)` to `dx`.
  package static func backward(x: Span<Float>, dy: Span<Float>, dx: inout MutableSpan<Float>) {
    precondition(x.count == dy.count && x.count == dx.count)
    var i = 0
    while i + Lanes.count <= x.count {
      dx.setLanes(i, dx.lanes(i) + dy.lanes(i) * slope(x.lanes(i)))
      i += Lanes.count
    }
    if i < x.count {
      dx.setLastLanes(i, dx.span.lastLanes(i) + dy.lastLanes(i) * slope(x.lastLanes(i)))
    }
  }

  /// Replaces `x` by `(1 + w)·gelu(x + c) − w·gelu(x + n)`, to 4e-7 of each.
  ///
  /// That is both branches of a guided layer at once (Ho and Salimans 2022, equation 6): what
  /// follows is linear, so it need be applied only once.
  ///
  /// - Parameters:
  ///   - x: What the branches share, (width).
  ///   - condition: What the condition adds, (width).
  ///   - none: What the absent condition adds, (width).
  ///   - guidance: w; with 0 the second branch is not computed.
  package static func guided(
    _ x: inout MutableSpan<Float>,
    condition: Span<Float>,
    none: Span<Float>,
    guidance: Float
  ) {
    precondition(x.count == condition.count && x.count == none.count)
    let (with, without) = (1 + guidance, -guidance)
    @inline(__always)
    func combined(_ x: Lanes.Vector, _ c: Lanes.Vector, _ n: Lanes.Vector) -> Lanes.Vector {
      guidance == 0 ? vector_gelu(x, c) : vector_guided_gelu(x, c, n, with, without)
    }
    var i = 0
    while i + Lanes.count <= x.count {
      x.setLanes(i, combined(x.lanes(i), condition.lanes(i), none.lanes(i)))
      i += Lanes.count
    }
    if i < x.count {
      let last = (x.span.lastLanes(i), condition.lastLanes(i), none.lastLanes(i))
      x.setLastLanes(i, combined(last.0, last.1, last.2))
    }
  }
}
