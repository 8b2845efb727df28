internal import Glibc
internal import Kernels

/// τ(t), what the denoiser is told of the step: sines and cosines of t, then two affine maps with a
/// GELU between.
package enum StepEmbedding {
  /// sin(t·fᵢ) and then cos(t·fᵢ) with fᵢ = 10000^(−i/(d/2 − 1)), for each step: (steps, d).
  ///
  /// The published models were trained with fᵢ and t·fᵢ in single precision, so it is here: at
  /// t = 2000 their roundings show in the fourth digit.
  package static func sinusoids(steps: Int, width: Int) -> [Float] {
    let half = width / 2
    let exponent = Float(-log(10_000.0) / Double(max(half - 1, 1)))
    let frequencies = (0..<half).map { Float(exp(Double(Float($0) * exponent))) }
    return (0..<steps).flatMap { t in
      let angles = frequencies.map { Double(Float(t) * $0) }
      return angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
    }
  }

  /// τ(t) for every t below `steps`: (steps, d).
  package static func table(_ weights: Weights, steps: Int) -> [Float] {
    let d = weights.shape.width
    let input = sinusoids(steps: steps, width: d)
    let (bias1, bias2) = (weights[.step1Bias], weights[.step2Bias])
    var hidden = [Float](repeating: 0, count: steps * 2 * d)
    hidden.edit {
      Gemm.rows(input.span, weights.packed(.step1, inputs: d), bias: bias1.span, into: &$0)
    }
    var active = hidden
    active.edit { Gelu.forward(hidden.span, into: &$0) }
    var table = [Float](repeating: 0, count: steps * d)
    table.edit {
      Gemm.rows(active.span, weights.packed(.step2, inputs: 2 * d), bias: bias2.span, into: &$0)
    }
    return table
  }
}
