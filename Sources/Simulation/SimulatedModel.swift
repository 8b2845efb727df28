internal import Diffusion
internal import Network
internal import Pipeline

/// An untrained model of six items.
enum SimulatedModel {
  static func recommender() throws(RecommenderFailure) -> Recommender {
    let model = Model.untrained(
      name: "simulated",
      shape: Shape(items: 6, length: 4, width: 4, denoiser: .linear),
      schedule: .init(name: .linear, steps: 4),
      serving: .init(sampler: .folded, steps: 4, guidance: 1)
    )
    var options = RecommenderOptions()
    options.count = 3
    return try Recommender(model: model, options: options)
  }
}
