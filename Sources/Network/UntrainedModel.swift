package import Diffusion

extension Model {
  /// A model of random weights: every stage runs, and what it suggests is always the same for a
  /// seed.
  ///
  /// Its items are `i0` …, clicked ever less often.
  package static func untrained(
    name: String,
    shape: Shape,
    schedule: NoiseSchedule.Description,
    serving: Manifest.Serving,
    seed: UInt64 = 7
  ) -> Model {
    let manifest = Manifest(
      name: name,
      shape: shape,
      schedule: schedule,
      serving: serving,
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
        seed: seed
      ),
      metrics: [:],
    )
    return Model(
      manifest: manifest,
      weights: Weights(shape: shape, seed: seed),
      items: ItemTable(
        ids: (0..<shape.items).map { "i\($0)" },
        clicks: (0..<shape.items).map { shape.items - $0 }
      ),
    )
  }
}
