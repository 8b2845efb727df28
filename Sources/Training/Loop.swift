import Diffusion
import Evaluation
import Kernels
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
    case epoch(Int, loss: Double, metrics: [Metric: Double]?, isBest: Bool)
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
  private var learner: any Learner
  /// All but weights and moments, which the learner holds while the run goes on.
  private var state: Checkpoint
  /// Batches of the epoch at hand.
  private var batches: Int
  private let validated: [Int]

  /// Prepares a run from its beginning, or from where `checkpoint` stands.
  ///
  /// The checkpoint must have been read with ``Settings/fields(shape:dataset:)`` of this run.
  /// `initial` is the model whose version the settings name.
  package init(
    _ dataset: Dataset,
    shape: Shape,
    settings: Settings,
    initial: Model? = nil,
    checkpoint: Checkpoint? = nil,
  ) throws(TrainingFailure) {
    let problems = settings.problems(of: shape.denoiser)
    guard problems.isEmpty else { throw TrainingFailure(problems.joined(separator: "\n")) }
    precondition(shape.items == dataset.items.ids.count)
    self.dataset = dataset
    self.shape = shape
    self.settings = settings
    if let checkpoint {
      state = checkpoint
    } else {
      var weights = settings.objective.begun(Weights(shape: shape, seed: settings.seed))
      if let initial {
        let length = settings.objective.spread * Float(shape.width).squareRoot()
        try weights.take(
          from: initial,
          items: dataset.items,
          length: settings.objective.sphere ? length : nil
        )
      }
      state = Checkpoint(
        weights: weights,
        settings: settings.fields(shape: shape, dataset: dataset)
      )
    }
    validated = dataset.validation.sample(settings.validationLimit)
    let schedule: NoiseSchedule
    do throws(DiffusionFailure) {
      schedule = try NoiseSchedule(settings.schedule)
    } catch {
      throw TrainingFailure(error.reason)
    }
    if settings.isPublished(shape) {
      learner = ExampleLearner(
        state.weights,
        dataset.training,
        schedule: schedule,
        settings: settings
      )
    } else {
      learner = try WindowLearner(
        state.weights,
        dataset.training,
        schedule: schedule,
        settings: settings
      )
    }
    var optimiser = learner.optimiser
    optimiser.firstMoment = state.firstMoment
    optimiser.secondMoment = state.secondMoment
    optimiser.updates = state.updates
    learner.optimiser = optimiser
    batches = learner.batches(epoch: state.epoch)
  }

  /// The run as it stands, to go on from later.
  package var checkpoint: Checkpoint {
    var checkpoint = state
    checkpoint.weights = learner.weights
    checkpoint.firstMoment = learner.optimiser.firstMoment
    checkpoint.secondMoment = learner.optimiser.secondMoment
    checkpoint.updates = learner.optimiser.updates
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
      while state.batch < batches {
        if shouldStop() { return .stopped }
        let loss = try takeStep()
        report(.batch(done: examplesDone, epoch: state.epoch + 1, loss: loss))
      }
      let loss = state.lossSum / Double(learner.examples)
      (state.epoch, state.batch, state.lossSum) = (state.epoch + 1, 0, 0)
      batches = learner.batches(epoch: state.epoch)
      var metrics: [Metric: Double]?
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
  package var exampleTotal: Int { settings.epochs * learner.examples }

  /// About how many are learned, of ``exampleTotal``.
  package var examplesDone: Int { Int((progress * Double(exampleTotal)).rounded()) }

  /// How much of the run is behind, 0 to 1: by batches, for these are not all of one size.
  var progress: Double {
    (Double(state.epoch) + Double(state.batch) / Double(batches)) / Double(settings.epochs)
  }

  private mutating func takeStep() throws(TrainingFailure) -> Double {
    let (loss, examples) = learner.learn(
      batch: state.batch,
      epoch: state.epoch,
      rate: settings.rate(after: learner.optimiser.updates, share: progress)
    )
    guard loss.isFinite else {
      throw TrainingFailure(
        """
        the loss is \(loss) in epoch \(state.epoch + 1), batch \(state.batch + 1): training \
        diverged. Begin again with a lower rate than \(settings.rate), such as \(settings.rate / 10)
        """
      )
    }
    if settings.average > 0 { average() }
    state.lossSum += Double(loss) * Double(examples)
    state.batch += 1
    return Double(loss)
  }

  /// Moves the running mean of the weights (Polyak and Juditsky 1992), in the beginning faster.
  private mutating func average() {
    let weights = learner.weights.values
    if state.averaged.isEmpty { state.averaged = weights }
    let updates = Float(learner.optimiser.updates)
    let keep = min(settings.average, (1 + updates) / (10 + updates))
    state.averaged.edit { mean in
      for i in mean.indices { mean[i] = keep * mean[i] + (1 - keep) * weights[i] }
    }
  }

  /// The weights that are judged and kept: as they are, or their running mean.
  private var judged: Weights {
    var weights = learner.weights
    if !state.averaged.isEmpty { weights.values = state.averaged }
    return settings.objective.sphere ? weights.onSphere : weights
  }

  /// Measures the weights as they are, and keeps them if they are the best so far.
  ///
  /// A reverse process that diverges answers nothing right: training goes on and may mend it.
  private mutating func validate() -> [Metric: Double] {
    let weights = judged
    var options = RankingOptions(serving: settings.serving)
    options.seed = settings.seed
    options.excludesSeen = settings.objective.excludesSeen
    var ranking = try? FullRanking(weights, schedule: settings.schedule, options: options)
    let ranks = ranking?.ranks(of: dataset.validation, at: validated) ?? []
    let metrics = Dictionary(
      uniqueKeysWithValues: Metric.allCases.map { ($0, $0.measure.mean(of: ranks)) }
    )
    if (metrics[settings.metric] ?? 0) > (state.best?.metrics[settings.metric.rawValue] ?? -1) {
      let values = metrics.map { ($0.key.rawValue, $0.value) }
      state.best = Checkpoint.Best(
        weights: weights,
        epoch: state.epoch,
        metrics: Dictionary(uniqueKeysWithValues: values)
      )
    }
    return metrics
  }

  private var isOutOfPatience: Bool {
    guard settings.patience > 0, let best = state.best else { return false }
    return state.epoch - best.epoch >= settings.patience * settings.validateEvery
  }
}
