internal import Diffusion
internal import Network
internal import Pipeline

/// An untrained model of six items: every stage runs, and what it suggests is always the same.
enum SimulatedModel {
  static func recommender() throws(RecommenderFailure) -> Recommender {
    let shape = Shape(items: 6, length: 4, width: 4, denoiser: .linear)
    let manifest = Manifest(
      name: "simulated",
      shape: shape,
      schedule: .init(name: .linear, steps: 4),
      serving: .init(sampler: .folded, steps: 4, guidance: 1),
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
    let model = Model(
      manifest: manifest,
      weights: Weights(shape: shape, seed: 7),
      items: ItemTable(
        ids: (0..<shape.items).map { "i\($0)" },
        clicks: (0..<shape.items).map { shape.items - $0 }
      ),
    )
    var options = RecommenderOptions()
    options.count = 3
    return try Recommender(model: model, options: options)
  }
}
