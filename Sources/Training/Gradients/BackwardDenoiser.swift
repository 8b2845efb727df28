internal import Kernels
internal import Network

/// The estimate f(xₜ, c, t) for a batch, and its gradient.
struct DenoiserPass {
  /// [xₜ ‖ c ‖ τ(t)], (B, 3d).
  private var input: [Float] = []
  private var hidden: [Float] = []
  private var active: [Float] = []
  /// x̂₀, (B, d).
  private(set) var estimate: [Float] = []
  private var dactive: [Float] = []
  private var dhidden: [Float] = []
  private var dinput: [Float] = []
  /// The gradients by xₜ, c and τ(t), (B, d).
  private(set) var dnoisy: [Float] = []
  private(set) var dcondition: [Float] = []
  private(set) var dembedding: [Float] = []

  mutating func forward(
    _ weights: Weights,
    noisy: [Float],
    condition: [Float],
    embedding: [Float]
  ) {
    let d = weights.shape.width
    input.resize(to: 3 * noisy.count)
    for row in 0..<(noisy.count / d) {
      for i in 0..<d {
        input[3 * row * d + i] = noisy[row * d + i]
        input[(3 * row + 1) * d + i] = condition[row * d + i]
        input[(3 * row + 2) * d + i] = embedding[row * d + i]
      }
    }
    if weights.shape.denoiser == .linear {
      weights.apply(.denoiser1, to: input, into: &estimate)
      return
    }
    weights.apply(.denoiser1, to: input, into: &hidden)
    active.resize(to: hidden.count)
    active.edit { [hidden] in Gelu.forward(hidden.span, into: &$0) }
    weights.apply(.denoiser2, to: active, into: &estimate)
  }

  mutating func backward(_ weights: Weights, destimate: [Float], gradient: inout Weights) {
    let d = weights.shape.width
    if weights.shape.denoiser == .linear {
      weights.backward(.denoiser1, x: input, dy: destimate, dx: &dinput, gradient: &gradient)
    } else {
      weights.backward(.denoiser2, x: active, dy: destimate, dx: &dactive, gradient: &gradient)
      dhidden.clear(hidden.count)
      dhidden.edit { [hidden, dactive] in
        Gelu.backward(x: hidden.span, dy: dactive.span, dx: &$0)
      }
      weights.backward(.denoiser1, x: input, dy: dhidden, dx: &dinput, gradient: &gradient)
    }
    dnoisy.resize(to: destimate.count)
    dcondition.resize(to: destimate.count)
    dembedding.resize(to: destimate.count)
    for row in 0..<(destimate.count / d) {
      for i in 0..<d {
        dnoisy[row * d + i] = dinput[3 * row * d + i]
        dcondition[row * d + i] = dinput[(3 * row + 1) * d + i]
        dembedding[row * d + i] = dinput[(3 * row + 2) * d + i]
      }
    }
  }
}
