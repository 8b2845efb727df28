import Diffusion
import Network

/// What takes a step of training: example by example as published, or window by window.
protocol Learner: Sendable {
  var weights: Weights { get }
  var optimiser: AdamW { get set }
  /// Examples of an epoch.
  var examples: Int { get }
  /// Batches of an epoch.
  mutating func batches(epoch: Int) -> Int
  /// Learns from a batch; returns its mean loss before that, and its number of examples.
  mutating func learn(batch: Int, epoch: Int, rate: Float) -> (loss: Float, examples: Int)
}

/// DreamRec's training: each example is a history of its own.
struct ExampleLearner: Learner {
  private var cut: Batches
  private var step: TrainingStep

  init(_ weights: Weights, _ examples: Examples, schedule: NoiseSchedule, settings: Loop.Settings) {
    let shape = weights.shape
    cut = Batches(
      examples,
      settings: settings,
      length: shape.length,
      items: shape.items,
      width: shape.width
    )
    step = TrainingStep(weights, schedule: schedule, weightDecay: settings.weightDecay)
  }

  var weights: Weights { step.weights }
  var optimiser: AdamW {
    get { step.optimiser }
    set { step.optimiser = newValue }
  }
  var examples: Int { cut.examples.count }

  func batches(epoch: Int) -> Int { cut.count }

  mutating func learn(batch: Int, epoch: Int, rate: Float) -> (loss: Float, examples: Int) {
    let batch = cut.batch(batch, epoch: epoch)
    return (step.step(batch, rate: rate), batch.targets.count)
  }
}

/// Every other training: all examples of a window in one pass.
struct WindowLearner: Learner {
  private var cut: SequenceBatches
  private var step: SequenceStep

  init(
    _ weights: Weights,
    _ examples: Examples,
    schedule: NoiseSchedule,
    settings: Loop.Settings
  ) throws(TrainingFailure) {
    let windows = Windows(examples, length: weights.shape.length)
    if windows.windows.isEmpty { throw TrainingFailure("no training example has a history") }
    let shape = weights.shape
    cut = SequenceBatches(windows, settings: settings, items: shape.items, width: shape.width)
    step = SequenceStep(
      weights,
      schedule: schedule,
      objective: settings.objective,
      dropout: settings.dropout,
      weightDecay: settings.weightDecay
    )
  }

  var weights: Weights { step.weights }
  var optimiser: AdamW {
    get { step.optimiser }
    set { step.optimiser = newValue }
  }
  var examples: Int { cut.windows.targets }

  mutating func batches(epoch: Int) -> Int { cut.count(epoch: epoch) }

  mutating func learn(batch: Int, epoch: Int, rate: Float) -> (loss: Float, examples: Int) {
    let parts = cut.batch(batch, epoch: epoch, parts: SequenceStep.parts)
    return (step.step(parts, rate: rate), parts.reduce(0) { $0 + $1.targets.count })
  }
}
