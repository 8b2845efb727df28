internal import Kernels

/// The denoiser's first layer, taken apart by what its columns read: W₁[x ‖ h ‖ τ(t)] + b₁.
struct FirstLayer: Sendable {
  /// (outputs, d) each: the columns for x and for h.
  let x: [Float]
  let h: [Float]
  /// W_h·∅, (outputs).
  let none: [Float]
  /// W_τ·τ(t) + b₁ for every step, (T, outputs).
  let steps: [Float]

  init(_ weights: Weights, steps count: Int) {
    let d = weights.shape.width
    let (weight, bias) = (weights[.denoiser1Weight], weights[.denoiser1Bias])
    let outputs = bias.count
    func columns(_ part: Int) -> [Float] {
      (0..<outputs).flatMap { weight[(($0 * 3 + part) * d)..<(($0 * 3 + part + 1) * d)] }
    }
    func product(_ input: [Float], _ matrix: [Float], bias: [Float]) -> [Float] {
      var output = [Float](repeating: 0, count: input.count / d * outputs)
      let packed = PackedMatrix(outputsByInputs: matrix.span, outputs: outputs, inputs: d)
      output.edit { Gemm.rows(input.span, packed, bias: bias.span, into: &$0) }
      return output
    }
    x = columns(0)
    h = columns(1)
    let zero = [Float](repeating: 0, count: outputs)
    none = product(weights[.none], h, bias: zero)
    steps = product(StepEmbedding.table(weights, steps: count), columns(2), bias: bias)
  }
}

/// What a linear denoiser is made of: f(x, h, t) = A·x + B·h + C·τ(t) + b.
///
/// All of a reverse process with it can be folded into one affine map.
package struct LinearDenoiserParts: Sendable {
  package let width: Int
  /// A, (d, d), row-major.
  package let a: [Float]
  /// B, (d, d), row-major.
  package let b: [Float]
  /// B·∅, (d).
  package let none: [Float]
  /// C·τ(t) + b for every step, (T, d).
  package let steps: [Float]

  /// Nil when the denoiser is not linear.
  package init?(_ weights: Weights, steps count: Int) {
    guard weights.shape.denoiser == .linear else { return nil }
    let layer = FirstLayer(weights, steps: count)
    width = weights.shape.width
    a = layer.x
    b = layer.h
    none = layer.none
    steps = layer.steps
  }
}
