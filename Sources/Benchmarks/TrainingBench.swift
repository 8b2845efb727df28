internal import Diffusion
package import Network
internal import Training

/// What a step of training costs, DreamRec's own: forward, backward, and the update.
package struct TrainingBench {
  private let items: Int
  private let length = 10
  private let batch = 256

  package init(items: Int) { self.items = items }

  package func run(_ denoiser: Shape.Denoiser, _ stopwatch: Stopwatch) throws -> Measurement {
    let shape = Shape(items: items, length: length, denoiser: denoiser)
    let schedule = try NoiseSchedule(.init(name: .exp, steps: 500))
    var step = TrainingStep(Weights(shape: shape, seed: 1), schedule: schedule)
    var random = SystemRandomNumberGenerator()
    func numbers(_ count: Int, below bound: Int) -> [Int32] {
      (0..<count).map { _ in Int32.random(in: 0..<Int32(bound), using: &random) }
    }
    let settings = ["denoiser": denoiser.rawValue, "batch": "\(batch)", "items": "\(items)"]
    return stopwatch.measure("train", settings, unit: "examples", perCall: batch) {
      var noise = [Float](repeating: 0, count: batch * shape.width)
      var span = noise.mutableSpan
      Noise.fill(&span, key: NoiseKey(seed: random.next(), user: 0, position: 0), draw: 0)
      let drawn = TrainingBatch(
        histories: numbers(batch * length, below: items),
        lengths: numbers(batch, below: length).map { $0 + 1 },
        targets: numbers(batch, below: items),
        steps: numbers(batch, below: schedule.steps),
        keepsCondition: numbers(batch, below: 10).map { $0 > 0 },
        noise: noise,
        dropoutSeed: random.next()
      )
      _ = step.step(drawn, rate: 1e-3)
    }
  }
}
