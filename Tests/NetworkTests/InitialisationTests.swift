import Network
import Testing

@Suite("Initialisation")
struct InitialisationTests {
  static let shape = Shape(items: 500, length: 10, width: 64, denoiser: .mlp)

  @Test("a seed gives the same weights again, another one others, in every drawn tensor")
  func seeded() {
    let weights = Weights(shape: Self.shape, seed: 7)
    #expect(weights == Weights(shape: Self.shape, seed: 7))
    let other = Weights(shape: Self.shape, seed: 8)
    for tensor in weights.tensors where !tensor.rawValue.contains(#/ln_|layer_norm/#) {
      #expect(weights[tensor] != other[tensor], "\(tensor)")
    }
  }

  @Test("embeddings are standard normal", arguments: [Tensor.items, .positions, .none])
  func normal(tensor: Tensor) {
    let values = Weights(shape: Self.shape, seed: 7)[tensor].map(Double.init)
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
    let error = 4 / Double(values.count).squareRoot()
    #expect(abs(mean) < error && abs(variance - 1) < 1.5 * error)
  }

  @Test(
    "weights and biases are uniform on ±1/√inputs",
    arguments: [
      (Tensor.queryWeight, 64), (.queryBias, 64), (.feedForward2Weight, 64), (.step1Bias, 64),
      (.step2Weight, 128), (.step2Bias, 128), (.denoiser1Weight, 192), (.denoiser1Bias, 192),
      (.denoiser2Weight, 128), (.denoiser2Bias, 128),
    ]
  )
  func uniform(tensor: Tensor, inputs: Int) {
    let bound = 1 / Double(inputs).squareRoot()
    let values = Weights(shape: Self.shape, seed: 7)[tensor].map { Double($0) / bound }
    #expect(values.allSatisfy { abs($0) <= 1 })
    #expect((values.max() ?? 0) > 0.9 && (values.min() ?? 0) < -0.9)
    let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
    #expect(abs(variance - 1.0 / 3) < 4 / Double(values.count).squareRoot())
  }

  @Test("norms begin as the identity")
  func norms() {
    let weights = Weights(shape: Self.shape, seed: 7)
    #expect(weights[.norm2Gain].allSatisfy { $0 == 1 })
    #expect(weights[.norm2Bias].allSatisfy { $0 == 0 })
  }

  @Test("a residual begins with nothing, so its estimate is the encoder's")
  func residual() {
    let weights = Weights(
      shape: Shape(items: 5, length: 3, width: 4, denoiser: .residual, blocks: 2),
      seed: 7
    )
    #expect(weights[.denoiser2Weight].allSatisfy { $0 == 0 })
    #expect(weights[.denoiser2Bias].allSatisfy { $0 == 0 })
    let (first, second) = (
      weights.range(.queryWeight), weights.range(.queryWeight, block: 1)
    )
    #expect(second.count == 16 && weights.values[first] != weights.values[second])
  }

  @Test("a layer's two tensors lie side by side", arguments: Layer.allCases)
  func layers(layer: Layer) {
    let absent: [Shape.Denoiser: [Layer]] = [
      .linear: [.denoiser2, .adaptive, .adaptiveNorm], .residual: [.adaptive, .adaptiveNorm],
      .adaptive: [],
    ]
    for (denoiser, absent) in absent {
      let shape = Shape(items: 5, length: 3, width: 4, denoiser: denoiser)
      let range = Weights(shape: shape).range(layer)
      #expect(range.isEmpty == absent.contains(layer))
    }
  }
}
