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
}
