import Network
import Pipeline
import TestSupport
import Testing

@Suite("Recommender")
struct RecommenderTests {
  @Test(
    "a model that cannot be folded says which denoiser it has",
    arguments: [.mlp, .residual, .adaptive] as [Shape.Denoiser]
  )
  func notFolded(denoiser: Shape.Denoiser) {
    var options = RecommenderOptions()
    options.sampler = .folded
    let failure = #expect(throws: RecommenderFailure.self) {
      try Recommender(model: TinyModel.make(denoiser: denoiser), options: options)
    }
    #expect(failure?.reason.hasSuffix("this model's is \(denoiser.rawValue)") == true)
  }

  @Test("a stopping rule counts for the sampler and the steps that it was chosen for")
  func overridden() {
    let chosen = Manifest.Serving(
      sampler: .ddim,
      steps: 8,
      guidance: 1,
      relativeChange: 0.1,
      patience: 2
    )
    #expect(chosen.overridden() == chosen)
    #expect(chosen.overridden(sampler: .ddim, steps: 8) == chosen)
    #expect(chosen.overridden(guidance: 3).relativeChange == 0.1)
    for other in [chosen.overridden(steps: 9), chosen.overridden(sampler: .ddpm)] {
      #expect(other.relativeChange == nil && other.patience == nil)
    }
    let asked = chosen.overridden(steps: 9, relativeChange: 0.2)
    #expect(asked.steps == 9 && asked.relativeChange == 0.2 && asked.patience == nil)
    #expect(chosen.overridden(patience: 3).relativeChange == 0.1)
  }
}
