import Diffusion

/// Cuts the examples of an epoch into batches, each a function of (seed, epoch, batch).
struct Batches {
  let examples: Examples
  let settings: Loop.Settings
  /// L, N and d of the model.
  let length: Int
  let items: Int
  let width: Int
  /// The epoch that ``order`` is of.
  private var shuffled = -1
  private var order: [Int] = []

  init(_ examples: Examples, settings: Loop.Settings, length: Int, items: Int, width: Int) {
    self.examples = examples
    self.settings = settings
    self.length = length
    self.items = items
    self.width = width
  }

  /// Batches of an epoch; the last may be short.
  var count: Int { (examples.count + settings.batch - 1) / settings.batch }

  /// Batch `batch` of epoch `epoch`, both from 0.
  mutating func batch(_ batch: Int, epoch: Int) -> TrainingBatch {
    if shuffled != epoch {
      var generator = StreamGenerator(seed: settings.seed, .shuffle, epoch: epoch)
      order = Array(0..<examples.count)
      order.shuffle(using: &generator)
      shuffled = epoch
    }
    let start = batch * settings.batch
    let members = order[start..<min(start + settings.batch, order.count)]

    var histories = [Int32](repeating: Int32(items), count: members.count * length)
    for (row, example) in members.enumerated() {
      for (position, item) in examples.history(example).enumerated() {
        histories[row * length + position] = item
      }
    }
    var generator = StreamGenerator(seed: settings.seed, .noise, epoch: epoch, batch: batch)
    let steps = members.map { _ in
      Int32.random(in: 0..<Int32(settings.schedule.steps), using: &generator)
    }
    let keeps = members.map { _ in
      Float.random(in: 0..<1, using: &generator) >= settings.conditionDropout
    }
    var noise = [Float](repeating: 0, count: members.count * width)
    var normals = noise.mutableSpan
    let key = NoiseKey(
      seed: settings.seed,
      user: stableHash("training noise"),
      position: UInt64(epoch) << 32 | UInt64(batch)
    )
    Noise.fill(&normals, key: key, draw: 0)
    var dropout = StreamGenerator(seed: settings.seed, .dropout, epoch: epoch, batch: batch)
    return TrainingBatch(
      histories: histories,
      lengths: members.map { Int32(examples.history($0).count) },
      // Every target of the training examples is in their catalogue.
      targets: members.map { examples.target($0) ?? 0 },
      steps: steps,
      keepsCondition: keeps,
      noise: noise,
      dropoutSeed: settings.dropout > 0 ? dropout.next() : nil,
      dropout: settings.dropout,
    )
  }
}
