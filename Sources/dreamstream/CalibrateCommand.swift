import ArgumentParser
import Evaluation
import Experiments
import Files
import Foundation
import Network
import Training

/// Chooses a model's serving defaults: guidance, steps, and when to stop early.
struct Calibrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Choose how few denoiser calls a model is served with.",
    discussion: """
      On clicks the model was not trained on, guidance is chosen with many steps; then the fewest \
      mean steps whose NDCG@20 is within --margin of that, by the paired 95 % interval, and whose \
      first 20 items keep --overlap of those of many steps. (Few steps are often better than many, \
      and so keep few of their items: by default the overlap is only shown.) The choice is written \
      into the model's manifest, where worker and evaluate take it from.
      """
  )

  @Option(help: "The model's directory.") var model: String
  @Option(help: "Clicks: TSV, CSV or NDJSON; gzip too.") var clicks: String
  @OptionGroup var reading: ClickOptions
  @Option(help: "The part to judge on, of a file with parts. (default: val, valid, validation)")
  var part: String?
  @Option(help: "The last share to judge on, of a file without: what `train` held out. 1 for all.")
  var heldOut = Dataset.Options().heldOut
  @Option(help: "Examples at most, evenly spread.") var limit = 10_000
  @Option(help: "DDIM steps of what the choice is held against.") var referenceSteps = 50
  @Option(help: "How much of its NDCG@20 may be lost, relatively.") var margin = 0.01
  @Option(help: "How much of the first 20 items must be kept, such as 0.95.") var overlap = 0.0
  @Option(help: "The seed of noise and resampling.") var seed: UInt64 = 1
  @Flag(help: "Leave out all that the user has clicked.") var excludeSeen = false
  @Flag(help: "Only show what would be chosen.") var dryRun = false

  func validate() throws {
    var problems: [String] = []
    if limit < 1 { problems.append("limit is \(limit); it wants 1 or more") }
    if !(1...10_000).contains(referenceSteps) {
      problems.append("reference steps is \(referenceSteps); it wants 1 to 10000")
    }
    if !(0..<1).contains(margin) { problems.append("margin is \(margin); it wants 0 to under 1") }
    if !(0...1).contains(overlap) { problems.append("overlap is \(overlap); it wants 0 to 1") }
    if !(0.0001...1).contains(heldOut) {
      problems.append("held out is \(heldOut); it wants 0.0001 to 1")
    }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    let loaded = try loadModel(model)
    var options = Dataset.Options()
    options.length = loaded.manifest.shape.length
    options.validationPart = part
    options.heldOut = heldOut
    let log = try reading.read(clicks)
    let examples = try Dataset.heldOut(of: log, items: loaded.items, options: options)
    var settings = Calibration.Settings()
    settings.referenceSteps = referenceSteps
    settings.margin = margin
    settings.overlap = overlap
    settings.seed = seed
    settings.excludesSeen = excludeSeen
    let calibration = try Calibration(
      loaded,
      on: examples,
      at: examples.sample(limit),
      source: URL(filePath: clicks).lastPathComponent,
      settings: settings
    )
    say(calibration.report.text)
    let (serving, record) = (calibration.serving, calibration.record)
    let stop = serving.relativeChange.map {
      ", stopping after \(serving.patience ?? 1) that change less than \($0)"
    }
    let mean = String(format: "%.2f", record.meanSteps)
    let steps = "ddim, at most \(serving.steps) steps\(stop ?? ""); \(mean) on average"
    say(
      """

      chosen: w \(serving.guidance), \(serving.sampler == .folded ? "folded: one call" : steps)
      """
    )
    if dryRun { return }
    try ModelDirectory.calibrate(model, serving: serving, by: record)
    say("written into \(model)/manifest.json")
  }
}
