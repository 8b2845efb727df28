import Diffusion
import Evaluation
package import Network
package import Training

/// Finds how few denoiser calls a model can be served with, on clicks from before it serves.
///
/// The reference is DDIM with many steps and the guidance that ranks best then. A way to save steps
/// is as good if the paired 95 % interval of its NDCG@20 less the reference's begins above
/// -`margin`, relatively: a one-sided bound at 97.5 % (Piaggio and others 2012, on
/// non-inferiority). If it also keeps `overlap` of the reference's first 20, it may be chosen, and
/// of these the one with the fewest mean steps is. Few steps may want another guidance, so these
/// are tried with each.
package struct Calibration {
  package struct Settings: Equatable, Sendable {
    package var referenceSteps = 50
    package var margin = 0.01
    /// The share of the reference's first 20 items that a choice keeps at least.
    ///
    /// It need not: a model that ranks better in one step than in 50 lists other items.
    package var overlap = 0.0
    package var guidances: [Float] = [0, 0.5, 1, 2, 4]
    package var steps = [1, 2, 3, 4, 6, 8, 12, 20]
    package var tolerances: [Float] = [0.3, 0.1, 0.05, 0.02]
    /// The steps that are tried with every guidance, at most.
    package var fewSteps = 4
    package var excludesSeen = false
    package var seed: UInt64 = 1

    package init() {}
  }

  package private(set) var report: Report
  package private(set) var serving: Manifest.Serving
  package private(set) var record: Manifest.Calibration

  private let model: Model
  private let examples: Examples
  private let judged: [Int]
  private let settings: Settings
  private let bootstrap: Bootstrap

  /// Calibrates a model.
  ///
  /// - Parameters:
  ///   - model: One with a denoiser.
  ///   - examples: Clicks that it was not trained on.
  ///   - judged: Which of them.
  ///   - source: What they are called in the manifest.
  ///   - settings: What is tried.
  /// - Throws: When the model has nothing to calibrate.
  package init(
    _ model: Model,
    on examples: Examples,
    at judged: [Int],
    source: String,
    settings: Settings = Settings()
  ) throws(TrainingFailure) {
    guard model.manifest.shape.denoiser != .none else {
      throw TrainingFailure("the model has no denoiser: there are no steps to save")
    }
    try examples.requireKnownTargets()
    self.model = model
    self.examples = examples
    self.judged = judged
    self.settings = settings
    bootstrap = Bootstrap(units: judged.map { examples.sequence($0) }, seed: settings.seed)
    report = Report(
      "calibration",
      summary: "\(model.manifest.name) on \(judged.count) examples of \(source)",
      columns: [
        "w", "sampler", "mean steps", "p50", "p99", "HR@20", "NDCG@20", "at least, relative",
        "overlap",
      ]
    )
    serving = model.manifest.serving
    record = .init(
      source: source,
      examples: judged.count,
      referenceSteps: 0,
      reference: 0,
      ndcg: 0,
      atLeast: 0,
      overlap: 1,
      meanSteps: 0,
      p50Steps: 0,
      p99Steps: 0
    )
    try run()
  }

  private mutating func run() throws(TrainingFailure) {
    var reference = try bestGuidance()
    reference.values = gains(reference.answers)
    record.referenceSteps = reference.serving.steps
    record.reference = Bootstrap.mean(reference.values)
    guard record.reference > 0 else {
      throw TrainingFailure(
        """
        in \(reference.serving.steps) steps the model finds none of \(judged.count) next items: \
        there is nothing to be as good as. Train it longer, or judge more clicks
        """
      )
    }
    var best = try compare(reference, with: reference)
    // A folded chain has no steps to save.
    for serving in reference.serving.sampler == .folded ? [] : candidates(reference.serving) {
      let tried = try compare(try answer(serving), with: reference)
      let isGood = tried.atLeast >= -settings.margin && tried.overlap >= settings.overlap
      if isGood, (tried.meanSteps, -tried.ndcg) < (best.meanSteps, -best.ndcg) { best = tried }
    }
    serving = best.serving
    record.ndcg = best.ndcg
    record.atLeast = best.atLeast
    record.overlap = best.overlap
    record.meanSteps = best.meanSteps
    record.p50Steps = best.answered.steps.percentile(0.5)
    record.p99Steps = best.answered.steps.percentile(0.99)
    report.notes.append(
      """
      p50, p99: steps of an example. At least: the lower end of the 95 % interval of the \
      difference in NDCG@20 to the reference, in percent of it. Overlap: the share of the \
      reference's first 20 that is kept. ε e × n: stop after n steps that change less than e.
      """
    )
    if best.serving == reference.serving, best.serving.sampler != .folded {
      report.notes.append(
        """
        Nothing with fewer steps is sure to be as good on \(judged.count) examples: the \
        reference is kept. More clicks, or a larger margin, would tell more.
        """
      )
    }
  }

  private func candidates(_ reference: Manifest.Serving) -> [Manifest.Serving] {
    let counts = settings.steps.filter { $0 < reference.steps }
    let fixed = settings.guidances.flatMap { guidance in
      counts.filter { guidance == reference.guidance || $0 <= settings.fewSteps }.map { steps in
        Manifest.Serving(sampler: .ddim, steps: steps, guidance: guidance)
      }
    }
    let budgets = [8, 20].filter { $0 < reference.steps }
    let adaptive = budgets.flatMap { steps in
      settings.tolerances.flatMap { tolerance in
        [1, 2].map { patience in
          Manifest.Serving(
            sampler: .ddim,
            steps: steps,
            guidance: reference.guidance,
            relativeChange: tolerance,
            patience: patience
          )
        }
      }
    }
    return fixed + adaptive
  }

  /// The reference with the guidance that ranks best.
  private mutating func bestGuidance() throws(TrainingFailure) -> Answered {
    var best: Answered?
    for guidance in settings.guidances {
      var serving = Manifest.Serving(
        sampler: .ddim,
        steps: min(settings.referenceSteps, model.manifest.schedule.steps),
        guidance: guidance
      )
      if model.manifest.serving.sampler == .folded {
        serving.sampler = .folded
        serving.steps = model.manifest.schedule.steps
      }
      let answered = try answer(serving)
      let values = gains(answered.answers)
      if best.map({ Bootstrap.mean(gains($0.answers)) < Bootstrap.mean(values) }) ?? true {
        best = answered
      }
      report.append(row(answered, atLeast: nil, overlap: nil))
    }
    guard let best else { throw TrainingFailure("no guidance to try") }
    return best
  }
}

/// How a model answered under some serving settings.
private struct Answered {
  let serving: Manifest.Serving
  let answers: Answers
  let steps: StepCounts
  var values: [Double] = []
}

/// A candidate beside the reference.
private struct Compared {
  let answered: Answered
  let ndcg: Double
  let atLeast: Double
  let overlap: Double
  var serving: Manifest.Serving { answered.serving }
  var meanSteps: Double { answered.steps.mean }
}

extension Calibration {
  private func answer(_ serving: Manifest.Serving) throws(TrainingFailure) -> Answered {
    var options = RankingOptions(serving: serving)
    options.seed = settings.seed
    options.excludesSeen = settings.excludesSeen
    var ranking = try FullRanking(
      model.weights,
      schedule: model.manifest.schedule,
      options: options
    )
    let answers = ranking.answers("", to: examples, at: judged, depth: 20)
    return Answered(serving: serving, answers: answers, steps: StepCounts(ranking.steps))
  }

  private func gains(_ answers: Answers) -> [Double] {
    answers.ranks.map { RankMetric(.ndcg, cutoff: 20).value(rank: $0) }
  }

  private mutating func compare(
    _ answered: Answered,
    with reference: Answered
  ) throws(TrainingFailure) -> Compared {
    let values = gains(answered.answers)
    let difference = bootstrap.difference(values, reference.values)
    let overlaps = judged.indices.map { example in
      let ours = Set(answered.answers.list(example, count: 20))
      let theirs = reference.answers.list(example, count: 20)
      return Double(theirs.count { ours.contains($0) }) / Double(max(1, theirs.count))
    }
    let compared = Compared(
      answered: answered,
      ndcg: Bootstrap.mean(values),
      atLeast: difference.interval.lowerBound / record.reference,
      overlap: Bootstrap.mean(overlaps)
    )
    report.append(row(answered, atLeast: compared.atLeast, overlap: compared.overlap))
    return compared
  }

  private func row(_ answered: Answered, atLeast: Double?, overlap: Double?) -> [Report.Cell] {
    let serving = answered.serving
    let stop = serving.relativeChange.map { ", ε \($0) × \(serving.patience ?? 1)" } ?? ""
    let hits = answered.answers.ranks.map { RankMetric(.hitRate, cutoff: 20).value(rank: $0) }
    return [
      .number(Double(serving.guidance), 1),
      .text("\(serving.sampler.rawValue) \(serving.steps)\(stop)"),
    ] + answered.steps.cells + [
      .share(Bootstrap.mean(hits)), .share(Bootstrap.mean(gains(answered.answers))),
      atLeast.map { .share($0) } ?? .none, overlap.map { .number($0, 3) } ?? .none,
    ]
  }
}
