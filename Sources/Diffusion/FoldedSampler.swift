internal import Kernels

/// A denoiser that is one affine map: `f(x, h, t) = A · x + B · h + s(t)`.
package struct AffineEstimate: Sendable {
  /// A, (d, d), row-major.
  package var a: [Float]
  /// B, (d, d), row-major.
  package var b: [Float]
  /// B · ∅, what the "none" embedding contributes in place of B · h; (d).
  package var emptyTerm: [Float]
  /// s(t) = C · τ(t) + bias; (T, d).
  package var stepTerms: [Float]

  package init(a: [Float], b: [Float], emptyTerm: [Float], stepTerms: [Float]) {
    self.a = a
    self.b = b
    self.emptyTerm = emptyTerm
    self.stepTerms = stepTerms
  }
}

/// All T ancestral steps of an affine denoiser in two matrix products, exactly.
///
/// With guidance w, each step is affine in x, h and the noise, so the chain is too:
///
///     J ← c₁(t) · A + c₂(t) · I
///     G ← J · G + c₁(t) · (1 + w) · B      k ← J · k + c₁(t) · (s(t) − w · B∅)
///     S ← J · S · Jᵀ + β̃ₜ · I              from S = I, the covariance of x_T
///     ⇒ x₀ | h ~ N(G · h + k, S)
///
/// A model's chain is folded once, in double precision, and drawn from with a Cholesky factor of S.
package struct FoldedSampler: Sendable {
  /// The vectors' width, d.
  package let width: Int
  private let response: PackedMatrix
  private let offset: [Float]
  private let factor: PackedMatrix
  private var noise: [Float] = []

  package init(
    schedule: NoiseSchedule,
    estimate: AffineEstimate,
    guidance w: Float
  ) throws(DiffusionFailure) {
    let d = estimate.emptyTerm.count
    try Self.validate(estimate, width: d, steps: schedule.steps, guidance: w)
    let a = SquareMatrix(estimate.a, size: d)
    let b = SquareMatrix(estimate.b, size: d)
    let aTransposed = a.transposed
    let scale = 1 + Double(w)
    var g = SquareMatrix(size: d)
    var s = SquareMatrix(identity: d)
    var k = [Double](repeating: 0, count: d)
    var product = SquareMatrix(size: d)
    for t in (0..<schedule.steps).reversed() {
      let (c1, c2) = (Double(schedule.cleanWeight[t]), Double(schedule.noisyWeight[t]))
      product.setProduct(c1, a, g, plus: c2, g)
      product.add(b, times: c1 * scale)
      swap(&g, &product)

      let ak = a.times(k)
      for i in 0..<d {
        let term = Double(estimate.stepTerms[t * d + i]) - Double(w) * Double(estimate.emptyTerm[i])
        k[i] = c1 * (ak[i] + term) + c2 * k[i]
      }

      product.setProduct(c1, a, s, plus: c2, s)
      s.setProduct(c1, product, aTransposed, plus: c2, product)
      s.addDiagonal(Double(schedule.variance[t]))
    }
    width = d
    let (response, offset) = (g.floats, k.map(Float.init))
    let factor = s.choleskyFactor().floats
    guard (response + offset + factor).allSatisfy(\.isFinite) else {
      throw DiffusionFailure(
        reason: "the reverse process of this denoiser diverges over \(schedule.steps) steps"
      )
    }
    self.offset = offset
    self.response = PackedMatrix(outputsByInputs: response.span, outputs: d, inputs: d)
    self.factor = PackedMatrix(outputsByInputs: factor.span, outputs: d, inputs: d)
  }

  private static func validate(
    _ estimate: AffineEstimate,
    width d: Int,
    steps: Int,
    guidance: Float
  ) throws(DiffusionFailure) {
    guard d > 0, estimate.a.count == d * d, estimate.b.count == d * d,
      estimate.stepTerms.count == steps * d
    else {
      throw DiffusionFailure(
        reason: """
          an affine denoiser of width \(d) over \(steps) steps takes A and B of \(d * d) values \
          and step terms of \(steps * d), not \(estimate.a.count), \(estimate.b.count) and \
          \(estimate.stepTerms.count)
          """
      )
    }
    guard guidance.isFinite else {
      throw DiffusionFailure(reason: "the guidance is a finite number, not \(guidance)")
    }
  }

  /// Draws x₀ for each condition in `h` (requests, d) from its exact distribution.
  ///
  /// Draw 0 of `source` is the noise. The bits of a result are the same in any batch. `outcomes` is
  /// replaced, as by a ``Generator``.
  package mutating func sample(
    _ h: Span<Float>,
    noise source: inout some NoiseSource,
    into clean: inout MutableSpan<Float>,
    outcomes: inout [Outcome]
  ) {
    precondition(h.count == clean.count && h.count % width == 0)
    let requests = h.count / width
    outcomes.removeAll(keepingCapacity: true)
    for _ in 0..<requests { outcomes.append(Outcome(steps: 1, stoppedBy: .folded)) }
    if noise.count < h.count { noise = [Float](repeating: 0, count: h.count) }
    for request in 0..<requests {
      noise.edit((request * width)..<((request + 1) * width)) {
        source.fill(&$0, request: request, draw: 0)
      }
    }
    Gemm.rows(h, response, bias: offset.span, into: &clean)
    Gemm.rows(noise.span.extracting(0..<h.count), factor, into: &clean, adding: true)
  }
}
