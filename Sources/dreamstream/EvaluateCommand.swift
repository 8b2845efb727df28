import ArgumentParser
import Diffusion
import Evaluation
import Files
import Foundation
import Network
import Training

/// Judges models on a file of clicks, beside what they have to beat.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Judge models by what users clicked next.",
    discussion: """
      Every click but a session's first is predicted from those before it, by full ranking over \
      the catalogue; an item the model does not know is a miss. Beside the models stand counts \
      that learned the same clicks. Intervals are 95 %, by resampling whole users or sessions, \
      and differences to the first model are paired.
      """
  )

  @Option(help: "A model's directory; again for another, of the same catalogue.")
  var model: [String]
  @Option(help: "Clicks: TSV, CSV or NDJSON; gzip too.") var clicks: String
  @OptionGroup var reading: ClickOptions
  @Option(help: "The part to judge on, of a file with a column `split`. (default: test)")
  var part: String?
  @Option(help: "Clicks for counts to learn from. (default: the part `train`)")
  var training: String?
  @Option(help: "The last share of these that counts do not learn: what `train` held out.")
  var heldOut = Dataset.Options().heldOut
  @Option(help: "How many suggestions count: 5, 10, 20 or 50; again for more. (default: 20)")
  var k: [Int] = []
  @Option(help: "The seed of the noise, and of the resampling.") var seed: UInt64 = 0
  @Option(help: "folded, ddpm or ddim:STEPS. (default: the model's)") var sampler: String?
  @Option(help: "Guidance, w. (default: the model's)") var guidance: Float?
  @Option(help: "Estimates of each example; an item's score is the best it has of any.")
  var samples = 1
  @Flag(help: "Leave out all that the user has clicked, of models and counts alike.")
  var excludeSeen = false
  @Flag(help: "Judge the models again without their noise channel.") var withoutNoise = false
  @Flag(help: "Judge the first click of a session too.") var emptyHistories = false
  @Flag(help: "Show kinds of example too: by length of history, by popularity of the target.")
  var slices = false
  @Option(help: "How many times users are drawn anew for an interval.") var resamples = 1000
  @Option(help: "A file for all metrics, slices and measures, as JSON.") var json: String?

  func validate() throws {
    var problems: [String] = []
    if model.isEmpty { problems.append("a model is wanted: --model DIR") }
    for k in k where !RankMetric.cutoffs.contains(k) {
      problems.append("k is \(k); it wants 5, 10, 20 or 50")
    }
    if let sampler, parse(sampler) == nil {
      problems.append("sampler is \(sampler); it wants folded, ddpm or ddim:STEPS")
    }
    if !(0..<1).contains(heldOut) {
      problems.append("held out is \(heldOut); it wants 0 to under 1")
    }
    if let guidance, !(0...100).contains(guidance) {
      problems.append("guidance is \(guidance); it wants 0 to 100")
    }
    if !(1...1000).contains(samples) {
      problems.append("samples is \(samples); it wants 1 to 1000")
    }
    if !(1...1_000_000).contains(resamples) {
      problems.append("resamples is \(resamples); it wants 1 to 1000000")
    }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    let models = try model.map { try loadModel($0) }
    let items = models[0].items
    for (path, other) in zip(model, models) where other.items.ids != items.ids {
      throw CommandFailure("\(path) has another catalogue than \(model[0]): judge it alone")
    }
    let log = try reading.read(clicks)
    if let part, log.parts.isEmpty {
      throw FileFailure(
        path: clicks,
        reason: "it has no column `split` to find the part \(part) by; leave --part out"
      )
    }
    let longest = models.map(\.manifest.shape.length).max() ?? 1
    let examples = try examples(log, items, length: longest)
    try examples.requireKnownTargets()
    var answers: [Answers] = []
    for model in models {
      let own = try self.examples(log, items, length: model.manifest.shape.length)
      answers.append(try self.answers(of: model, to: own))
      let hasNoise = model.manifest.shape.denoiser != .none
      if withoutNoise, hasNoise {
        answers.append(try self.answers(of: model, to: own, seesNoise: false))
      }
    }
    if let source = try trainingLog(beside: log) {
      answers += Baselines.all.map { baseline in
        examples.answers(
          of: baseline,
          learnedFrom: source,
          items: items,
          at: Array(0..<examples.count),
          depth: depth,
          excludesSeen: excludeSeen
        )
      }
    }
    try show(table(answers, examples, models[0]), examples)
  }
}

extension Evaluate {
  private func examples(_ log: ClickLog, _ items: ItemTable, length: Int) throws -> Examples {
    var options = Dataset.Options()
    options.length = length
    options.validationPart = log.parts.isEmpty ? nil : judged
    options.emptyHistories = emptyHistories
    return try Dataset.examples(log, items: items, options: options)
  }

  private func answers(
    of model: Model,
    to examples: Examples,
    seesNoise: Bool = true
  ) throws -> Answers {
    var options = RankingOptions(serving: serving(of: model.manifest))
    options.seed = seed
    options.samples = samples
    options.excludesSeen = excludeSeen
    options.seesNoise = seesNoise
    var ranking = try FullRanking(
      model.weights,
      schedule: model.manifest.schedule,
      options: options
    )
    var progress = ProgressBar(
      "evaluate",
      total: examples.count,
      unit: "examples",
      isTerminal: isatty(2) == 1,
      write: writeToStandardError
    )
    defer { progress.finish() }
    return ranking.answers(
      model.manifest.name + (seesNoise ? "" : ", without noise"),
      to: examples,
      at: Array(0..<examples.count),
      depth: depth
    ) { progress.show($0, []) }
  }

  private func table(_ answers: [Answers], _ examples: Examples, _ model: Model) -> QualityTable {
    let width = model.manifest.shape.width
    let table = model.weights.values[model.weights.range(.items).dropLast(width)]
    return QualityTable(
      answers,
      examples.facts(at: Array(0..<examples.count), clicks: model.items.clicks),
      embeddings: ItemEmbeddings(Array(table), width: width),
      slices: slices || json != nil ? ExampleFacts.Slice.allCases : [.all],
      resamples: resamples,
      seed: seed
    )
  }

  private func show(_ table: QualityTable, _ examples: Examples) throws {
    let unknown = "\(examples.unknownTargets) with an unknown target"
    say("\(examples.count) examples of \(clicks), \(unknown)")
    say(table.text(cutoffs: k.isEmpty ? [20] : k, slices: slices ? nil : [.all]))
    if let json {
      try WholeFile.replace(json, with: Array(try table.json()))
      say("all of it is in \(json)")
    }
  }

  /// Items of each list.
  private var depth: Int { RankMetric.cutoffs.max() ?? 50 }

  /// The part to judge on, where there are parts.
  private var judged: String { part ?? "test" }

  /// Where counts learn from: never from what they are judged on, or what models do not learn.
  private func trainingLog(beside log: ClickLog) throws -> ClickLog? {
    var options = Dataset.Options()
    options.heldOut = heldOut
    if let training { return try reading.read(training).holdingOut(options) }
    return log.partNames.contains("train") && judged != "train" ? try log.holdingOut(options) : nil
  }

  private func serving(of manifest: Manifest) -> Manifest.Serving {
    let asked = sampler.flatMap(parse)
    return manifest.serving.overridden(
      sampler: asked?.sampler,
      // All there are, but for ddim.
      steps: asked.map { $0.steps ?? manifest.schedule.steps },
      guidance: guidance
    )
  }

  private func parse(_ text: String) -> (sampler: Manifest.Serving.Sampler, steps: Int?)? {
    let words = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let sampler = Manifest.Serving.Sampler(rawValue: String(words[0])) else { return nil }
    let steps = words.count == 2 ? Int(words[1]) : nil
    guard (sampler == .ddim) == (words.count == 2), sampler != .ddim || (steps ?? 0) > 0 else {
      return nil
    }
    return (sampler, steps)
  }
}
