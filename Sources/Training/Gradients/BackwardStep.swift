internal import Kernels
internal import Network

/// τ(t) for the steps of a batch, and its gradient.
struct StepPass {
  /// Sines and cosines of every step, (T, d).
  private let sinusoids: [Float]
  private var input: [Float] = []
  private var hidden: [Float] = []
  private var active: [Float] = []
  /// τ(t), (B, d).
  private(set) var embedding: [Float] = []
  private var dactive: [Float] = []
  private var dhidden: [Float] = []

  init(steps: Int, width: Int) {
    sinusoids = StepEmbedding.sinusoids(steps: steps, width: width)
  }

  mutating func forward(_ weights: Weights, steps: [Int32]) {
    let d = weights.shape.width
    input.removeAll(keepingCapacity: true)
    for t in steps { input.append(contentsOf: sinusoids[(Int(t) * d)..<((Int(t) + 1) * d)]) }
    weights.apply(.step1, to: input, into: &hidden)
    active.resize(to: hidden.count)
    active.edit { [hidden] in Gelu.forward(hidden.span, into: &$0) }
    weights.apply(.step2, to: active, into: &embedding)
  }

  mutating func backward(_ weights: Weights, dembedding: [Float], gradient: inout Weights) {
    weights.backward(.step2, x: active, dy: dembedding, dx: &dactive, gradient: &gradient)
    dhidden.clear(hidden.count)
    dhidden.edit { [hidden, dactive] in
      Gelu.backward(x: hidden.span, dy: dactive.span, dx: &$0)
    }
    gradient.backward(.step1, x: input, dy: dhidden)
  }
}
