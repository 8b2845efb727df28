internal import Diffusion
package import Network

/// An untrained model: every stage runs, and what it suggests is arbitrary and always the same.
package enum TinyModel {
  /// Items `i0` …, clicked ever less often.
  package static func make(
    items: Int = 50,
    length: Int = 5,
    denoiser: Shape.Denoiser = .linear,
    steps: Int = 20
  ) -> Model {
    let shape = Shape(items: items, length: length, width: 16, denoiser: denoiser)
    let manifest = Manifest(
      name: "tiny",
      shape: shape,
      schedule: .init(name: .linear, steps: steps),
      serving: .init(
        sampler: denoiser == .linear ? .folded : .ddim,
        steps: min(steps, 8),
        guidance: 1
      ),
      training: .init(
        source: "none",
        examples: 0,
        epochs: 0,
        bestEpoch: 0,
        batch: 1,
        rate: 0,
        weightDecay: 0,
        dropout: 0,
        conditionDropout: 0,
        seed: 7
      ),
      metrics: [:],
    )
    return Model(
      manifest: manifest,
      weights: Weights(shape: shape, seed: 7),
      items: ItemTable(ids: (0..<items).map { "i\($0)" }, clicks: (0..<items).map { items - $0 }),
    )
  }
}
