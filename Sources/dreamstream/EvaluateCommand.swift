import ArgumentParser
import Diffusion
import Evaluation
import Files
import Network
import Training

/// Judges a model on a file of clicks, beside what it has to beat.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Judge a model by what users clicked next.",
    discussion: """
      Every click but a session's first is predicted from those before it, by full ranking over \
      the model's items; an item the model does not know is a miss. Beside it stand popularity \
      and, where there are clicks to learn from, transition counts.
      """
  )

  @Option(help: "The model's directory.") var model: String
  @Option(help: "Clicks: TSV, CSV or NDJSON; gzip too.") var clicks: String
  @OptionGroup var reading: ClickOptions
  @Option(help: "The part to judge on, of a file with a column `split`. (default: test)")
  var part: String?
  @Option(help: "Clicks for transition counts to learn from. (default: the part `train`)")
  var training: String?
  @Option(help: "How many suggestions count.") var k = 20
  @Option(help: "The seed of the noise.") var seed: UInt64 = 0
  @Option(help: "folded, ddpm or ddim:STEPS. (default: the model's)") var sampler: String?
  @Option(help: "Guidance, w. (default: the model's)") var guidance: Float?
  @Flag(help: "Judge the first click of a session too.") var emptyHistories = false

  func validate() throws {
    var problems: [String] = []
    if k < 1 { problems.append("k is \(k); it wants 1 or more") }
    if let sampler, parse(sampler) == nil {
      problems.append("sampler is \(sampler); it wants folded, ddpm or ddim:STEPS")
    }
    if let guidance, !(0...100).contains(guidance) {
      problems.append("guidance is \(guidance); it wants 0 to 100")
    }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    let model = try loadModel(model)
    let log = try reading.read(clicks)
    if let part, log.parts.isEmpty {
      throw FileFailure(
        path: clicks,
        reason: "it has no column `split` to find the part \(part) by; leave --part out"
      )
    }
    var options = Dataset.Options()
    options.length = model.manifest.shape.length
    options.validationPart = log.parts.isEmpty ? nil : judged
    options.emptyHistories = emptyHistories
    let examples = try Dataset.examples(log, items: model.items, options: options)

    var ranked = RankingOptions(serving: serving(of: model.manifest))
    ranked.seed = seed
    var ranking = try FullRanking(
      model.weights,
      schedule: model.manifest.schedule,
      options: ranked
    )
    var metrics = RankingMetrics(cutoff: k)
    for rank in ranking.ranks(of: examples, at: Array(0..<examples.count)) {
      metrics.add(rank: rank)
    }
    print(
      """
      \(examples.count) examples of \(clicks), \(examples.unknownTargets) with an unknown target
      \(column("")) HR@\(k)     NDCG@\(k)   MRR@\(k)
      """
    )
    show(model.manifest.name, metrics)
    show("popularity", examples.popularityMetrics(cutoff: k))
    if let source = try trainingLog(beside: log) {
      let counts = examples.metrics(
        items: model.items,
        of: TransitionCounts(),
        learnedFrom: source,
        part: "train",
        cutoff: k
      )
      show("transition counts", counts)
    }
  }

  /// The part to judge on, where there are parts.
  private var judged: String { part ?? "test" }

  /// Where transition counts learn from: never from what they are judged on.
  private func trainingLog(beside log: ClickLog) throws -> ClickLog? {
    if let training { return try reading.read(training) }
    return log.partNames.contains("train") && judged != "train" ? log : nil
  }

  private func serving(of manifest: Manifest) -> Manifest.Serving {
    var serving = sampler.flatMap(parse) ?? manifest.serving
    if serving.sampler != .ddim { serving.steps = manifest.schedule.steps }
    serving.guidance = guidance ?? manifest.serving.guidance
    return serving
  }

  private func parse(_ text: String) -> Manifest.Serving? {
    let words = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let sampler = Manifest.Serving.Sampler(rawValue: String(words[0])) else { return nil }
    let steps = words.count == 2 ? Int(words[1]) : nil
    guard (sampler == .ddim) == (words.count == 2), sampler != .ddim || (steps ?? 0) > 0 else {
      return nil
    }
    return Manifest.Serving(sampler: sampler, steps: steps ?? 1, guidance: 0)
  }

  private func show(_ name: String, _ metrics: RankingMetrics) {
    let values = [metrics.hitRate, metrics.ndcg, metrics.reciprocal].map(percent)
    print(column(name) + " " + values.joined(separator: "    "))
  }

  private func column(_ text: String) -> String {
    text + String(repeating: " ", count: max(0, 20 - text.count))
  }
}
