import Diffusion
package import Network
package import Training

/// How a model of an experiment is shaped and trained.
package struct Recipe: Sendable {
  package let name: String
  package var denoiser: Shape.Denoiser
  package var blocks = 2
  package var heads = 1
  package var settings: Loop.Settings

  /// DreamRec with the mean square it was published with.
  package static func published(_ denoiser: Shape.Denoiser, steps: Int = 500) -> Recipe {
    let serving = Manifest.Serving(
      sampler: denoiser == .linear ? .folded : .ddim,
      steps: denoiser == .linear ? steps : min(50, steps),
      guidance: 2
    )
    var recipe = Recipe("DreamRec, \(denoiser)", denoiser, serving)
    recipe.blocks = 1
    recipe.settings.schedule = .init(name: .exp, steps: steps)
    return recipe
  }

  /// SASRec: the encoder alone, with its own loss or with the whole softmax.
  package static func encoder(_ loss: Objective.Loss) -> Recipe {
    let name = loss == .binary ? "SASRec, BCE" : "SASRec, CE"
    var recipe = Recipe(name, .none, .init(sampler: .ddim, steps: 1, guidance: 0))
    recipe.rank(loss)
    return recipe
  }

  /// Ours: the encoder's h and what a denoiser adds to it, ranked by the whole softmax.
  package static func ours(steps: Int = 2) -> Recipe {
    var recipe = Recipe("ours", .residual, .init(sampler: .ddim, steps: steps, guidance: 0))
    recipe.rank(.crossEntropy)
    // Its last step is pure noise: what is left of the target there would be learned, and missed
    // when served (Lin and others 2024).
    recipe.settings.schedule.name = .cosine
    recipe.settings.objective.encoderWeight = 1
    recipe.settings.objective.noiseBias = 3
    return recipe
  }

  /// DreamRec's non-linear denoiser under the same loss as ours, t drawn evenly.
  package static func ranked(steps: Int = 2) -> Recipe {
    var recipe = Recipe("mlp, CE", .mlp, .init(sampler: .ddim, steps: steps, guidance: 0))
    recipe.rank(.crossEntropy)
    recipe.settings.schedule.name = .cosine
    return recipe
  }

  private init(_ name: String, _ denoiser: Shape.Denoiser, _ serving: Manifest.Serving) {
    self.name = name
    self.denoiser = denoiser
    settings = Loop.Settings(serving: serving)
    settings.metric = .gain
  }

  /// Learns to rank: on the sphere, from small embeddings, with a rate that rises and falls.
  private mutating func rank(_ loss: Objective.Loss) {
    settings.objective.loss = loss
    settings.objective.sphere = loss == .crossEntropy
    settings.objective.spread = 0.05
    settings.rate = 3e-3
    settings.warmUp = 100
    settings.decays = true
    settings.dropout = 0.2
  }
}
