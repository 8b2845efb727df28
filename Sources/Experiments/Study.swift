package import Evaluation
import Network
package import Training

/// Clicks parted into what trains, what validates and what is judged, and the models of them.
package struct Study {
  /// How much work an experiment takes.
  package struct Effort: Equatable, Sendable {
    package var epochs: Int
    package var seeds: [UInt64]
    /// Examples that are judged at most.
    package var judged: Int
    package var isFull: Bool

    package static let quick = Effort(epochs: 6, seeds: [1], judged: 5_000, isFull: false)
    package static let full = Effort(epochs: 12, seeds: [1, 2, 3], judged: .max, isFull: true)
  }

  package let name: String
  package let log: ClickLog
  package let dataset: Dataset
  package let test: Examples
  package let effort: Effort
  package let width: Int
  package let length: Int
  /// How many models the experiment trains.
  var trainings = 1
  /// The examples of ``test`` that are judged.
  let judged: [Int]
  /// Takes a line a step of the work.
  let note: (String) -> Void
  /// Takes how far a training is.
  let progress: (_ model: String, _ done: Int, _ total: Int) -> Void

  /// - Parameters:
  ///   - name: What the clicks are called in tables.
  ///   - log: Clicks with the parts `train` and `test`, perhaps `val`.
  ///   - effort: How much to train and to judge.
  ///   - width: The embeddings' width, d.
  ///   - length: Clicks of a history, L.
  ///   - note: Takes a line a step of the work.
  ///   - progress: Takes how many examples of how many a model has learned.
  /// - Throws: When there is nothing to learn from or to judge by.
  package init(
    _ name: String,
    _ log: ClickLog,
    effort: Effort,
    width: Int = 64,
    length: Int = 20,
    note: @escaping (String) -> Void = { _ in },
    progress: @escaping (_ model: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
  ) throws(TrainingFailure) {
    var options = Dataset.Options()
    options.length = length
    self.name = name
    // Counts learn what models do, and no more.
    self.log = try log.holdingOut(options)
    self.effort = effort
    self.width = width
    self.length = length
    self.note = note
    self.progress = progress
    dataset = try Dataset(self.log, options: options)
    options.validationPart = "test"
    test = try Dataset.examples(self.log, items: dataset.items, options: options)
    try test.requireKnownTargets()
    judged = test.sample(effort.judged)
  }

  /// What is known of the judged examples, whoever answers.
  package var facts: ExampleFacts { test.facts(at: judged, clicks: dataset.items.clicks) }

  /// Trains a model; its best epoch is chosen by validation.
  func fit(_ recipe: Recipe, seed: UInt64? = nil) throws(TrainingFailure) -> Fitted {
    var settings = recipe.settings
    settings.epochs = effort.epochs
    settings.seed = seed ?? effort.seeds[0]
    settings.validationLimit = 2_000
    let shape = Shape(
      items: dataset.items.ids.count,
      length: length,
      width: width,
      denoiser: recipe.denoiser,
      blocks: recipe.blocks,
      heads: recipe.heads
    )
    let clock = ContinuousClock.now
    var loop = try Loop(dataset, shape: shape, settings: settings)
    let total = loop.exampleTotal
    _ = try loop.run(
      report: { if case .batch(let done, _, _) = $0 { progress(recipe.name, done, total) } },
      save: { _ in },
      shouldStop: { false }
    )
    guard let best = loop.best else { throw TrainingFailure("nothing was trained") }
    let seconds = (ContinuousClock.now - clock) / .seconds(1)
    let gain = Report.Cell.share(best.metrics["ndcg@20"] ?? 0).shown
    let all = Int((seconds * Double(trainings) / 60).rounded(.up))
    note(
      """
      trained \(recipe.name), seed \(settings.seed): \(Int(seconds)) s, ndcg@20 \(gain) % on \
      validation; \(trainings) in all, about \(all) min if each takes as long
      """
    )
    return Fitted(
      name: recipe.name,
      weights: best.weights,
      schedule: settings.schedule,
      serving: settings.serving
    )
  }
}
