internal import Diffusion
package import Network

/// An untrained model of a few items.
package enum TinyModel {
  package static func make(
    items: Int = 50,
    length: Int = 5,
    denoiser: Shape.Denoiser = .linear,
    steps: Int = 20
  ) -> Model {
    .untrained(
      name: "tiny",
      shape: Shape(items: items, length: length, width: 16, denoiser: denoiser),
      schedule: .init(name: .linear, steps: steps),
      serving: .init(
        sampler: denoiser == .linear ? .folded : .ddim,
        steps: min(steps, 8),
        guidance: 1
      )
    )
  }
}
