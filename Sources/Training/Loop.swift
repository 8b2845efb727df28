import Diffusion
package import Evaluation
package import Network

/// Training: epochs of shuffled batches, a validation after some, the best weights kept.
///
/// Everything random is a function of the seed and of where the run stands, so a run that was
/// stopped and resumed ends with the bits of one that was not.
package struct Loop {
  /// What just happened.
  package enum Report {
    /// A batch of the epoch, from 1, had this mean loss; `done` examples of all epochs are behind.
    case batch(done: Int, epoch: Int, loss: Double)
    /// An epoch from 1 ended; `metrics` are nil when it was not validated.
    case epoch(Int, loss: Double, metrics: RankingMetrics?, isBest: Bool)
  }

  /// Why a run ended.
  package enum Ending: Equatable, Sendable {
    case complete
    /// The metric did not improve for as long as the settings' patience.
    case outOfPatience
    /// It was asked to stop; it can be resumed.
    case stopped
  }

  package let dataset: Dataset
  package let shape: Shape
  package let settings: Settings
  private var batches: Batches
  private var step: TrainingStep
  /// All but weights and moments, which `step` holds while the run goes on.
  private var state: Checkpoint
  private let validated: [Int]

  /// Prepares a run from its beginning, or from where `checkpoint` stands.
  ///
  /// The checkpoint must have been read with ``Settings/fields(shape:dataset:)`` of this run.
  package init(
    _ dataset: Dataset,
    shape: Shape,
    settings: Settings,
    checkpoint: Checkpoint? = nil,
  ) throws(TrainingFailure) {
    let problems = settings.problems
    guard problems.isEmpty else { throw TrainingFailure(problems.joined(separator: "\n")) }
    precondition(shape.items == dataset.items.ids.count)
    self.dataset = dataset
    self.shape = shape
    self.settings = settings
    state =
      checkpoint
      ?? Checkpoint(
        weights: Weights(shape: shape, seed: settings.seed),
        settings: settings.fields(shape: shape, dataset: dataset)
      )
    batches = Batches(
      dataset.training,
      settings: settings,
      length: shape.length,
      items: shape.items,
      width: shape.width
    )
    validated = dataset.validation.sample(settings.validationLimit)
    do throws(DiffusionFailure) {
      step = TrainingStep(
        state.weights,
        schedule: try NoiseSchedule(settings.schedule),
        weightDecay: settings.weightDecay,
      )
    } catch {
      throw TrainingFailure(error.reason)
    }
    step.optimiser.firstMoment = state.firstMoment
    step.optimiser.secondMoment = state.secondMoment
    step.optimiser.updates = state.updates
  }

  /// The run as it stands, to go on from later.
  package var checkpoint: Checkpoint {
    var checkpoint = state
    checkpoint.weights = step.weights
    checkpoint.firstMoment = step.optimiser.firstMoment
    checkpoint.secondMoment = step.optimiser.secondMoment
    checkpoint.updates = step.optimiser.updates
    return checkpoint
  }

  /// The best weights so far; nil before the first validation.
  package var best: Checkpoint.Best? { state.best }

  /// Complete epochs.
  package var epoch: Int { state.epoch }

  /// Trains until the last epoch, or until patience ends or `shouldStop` says so after a batch.
  ///
  /// `save` is called after every epoch, with the loop to take ``checkpoint`` from.
  package mutating func run(
    report: (Report) -> Void,
    save: (Loop) throws(TrainingFailure) -> Void,
    shouldStop: () -> Bool,
  ) throws(TrainingFailure) -> Ending {
    while state.epoch < settings.epochs {
      if isOutOfPatience { return .outOfPatience }
      while state.batch < batches.count {
        if shouldStop() { return .stopped }
        let loss = try takeStep()
        report(.batch(done: examplesDone, epoch: state.epoch + 1, loss: loss))
      }
      let loss = state.lossSum / Double(dataset.training.count)
      (state.epoch, state.batch, state.lossSum) = (state.epoch + 1, 0, 0)
      var metrics: RankingMetrics?
      if state.epoch.isMultiple(of: settings.validateEvery) || state.epoch == settings.epochs {
        metrics = validate()
      }
      report(
        .epoch(state.epoch, loss: loss, metrics: metrics, isBest: state.best?.epoch == state.epoch)
      )
      try save(self)
    }
    return .complete
  }

  /// Examples of all epochs.
  package var exampleTotal: Int { settings.epochs * dataset.training.count }

  /// Examples that are learned, of ``exampleTotal``.
  package var examplesDone: Int {
    let count = dataset.training.count
    return state.epoch * count + min(state.batch * settings.batch, count)
  }

  private mutating func takeStep() throws(TrainingFailure) -> Double {
    let batch = batches.batch(state.batch, epoch: state.epoch)
    let loss = step.step(batch, rate: settings.rate)
    guard loss.isFinite else {
      throw TrainingFailure(
        """
        the loss is \(loss) in epoch \(state.epoch + 1), batch \(state.batch + 1): training \
        diverged. Begin again with a lower rate than \(settings.rate), such as \(settings.rate / 10)
        """
      )
    }
    state.lossSum += Double(loss) * Double(batch.targets.count)
    state.batch += 1
    return Double(loss)
  }

  /// Measures the weights as they are, and keeps them if they are the best so far.
  ///
  /// A reverse process that diverges answers nothing right: training goes on and may mend it.
  private mutating func validate() -> RankingMetrics {
    var metrics = RankingMetrics(cutoff: 20)
    let weights = step.weights
    if var ranking = try? FullRanking(
      weights,
      schedule: settings.schedule,
      serving: settings.serving,
      seed: settings.seed
    ) {
      for rank in ranking.ranks(of: dataset.validation, at: validated) { metrics.add(rank: rank) }
    } else {
      for _ in validated { metrics.add(rank: nil) }
    }
    let values = [
      Metric.hitRate.rawValue: metrics.hitRate, Metric.gain.rawValue: metrics.ndcg,
    ]
    let name = settings.metric.rawValue
    if (values[name] ?? 0) > (state.best?.metrics[name] ?? -1) {
      state.best = Checkpoint.Best(weights: weights, epoch: state.epoch, metrics: values)
    }
    return metrics
  }

  private var isOutOfPatience: Bool {
    guard settings.patience > 0, let best = state.best else { return false }
    return state.epoch - best.epoch >= settings.patience * settings.validateEvery
  }
}
