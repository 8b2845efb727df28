import ArgumentParser
import Evaluation
import Events
import Experiments
import Foundation
import Training

/// Answers an open question by a declared grid of models and settings.
struct ExperimentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "experiment",
    abstract: "Answer a question about diffusion recommenders with numbers.",
    discussion: """
      \(Experiment.allCases.map { "\($0.rawValue): \($0.question)" }.joined(separator: "\n"))

      Trains what it needs, prints a table, and writes NAME.md, NAME.json and NAME.svg. The quick \
      form takes minutes; --full trains longer, judges all and repeats with three seeds.
      """
  )

  @Argument(help: "schedules, starts, acceleration, guidance, baselines, privacy, explanations.")
  var name: Experiment
  @Option(help: "Clicks: TSV, CSV or NDJSON; gzip too. (default: made-up ones)")
  var clicks: String?
  @OptionGroup var reading: ClickOptions
  @Option(help: "The directory to write to.") var output = "results"
  @Flag(help: "Train longer, judge every example, three seeds.") var full = false
  @Option(help: "Epochs of each training. (default: 6, full 12)") var epochs: Int?
  @Option(help: "The embedding's width, d.") var width = 64
  @Option(help: "Clicks of a history that count, L.") var length = 20

  func validate() throws {
    var problems: [String] = []
    if let epochs, !(1...1_000_000).contains(epochs) {
      problems.append("epochs is \(epochs); it wants 1 to 1000000")
    }
    if !(4...4096).contains(width) || !width.isMultiple(of: 2) {
      problems.append("width is \(width); it wants an even number, 4 to 4096")
    }
    if !(1...4096).contains(length) { problems.append("length is \(length); it wants 1 to 4096") }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    var effort = full ? Study.Effort.full : .quick
    effort.epochs = epochs ?? effort.epochs
    let clock = ContinuousClock.now
    var bar: (model: String, progress: ProgressBar)?
    func note(_ line: String) {
      bar?.progress.finish()
      bar = nil
      let seconds = Int((ContinuousClock.now - clock) / .seconds(1))
      writeToStandardError("\(seconds) s  \(line)\n")
    }
    func progress(_ model: String, _ done: Int, _ total: Int) {
      if bar?.model != model {
        let progress = ProgressBar(
          model,
          total: total,
          unit: "examples",
          done: done,
          isTerminal: isatty(2) == 1,
          write: writeToStandardError
        )
        bar = (model, progress)
      }
      bar?.progress.show(done, [])
    }
    let study = try Study(
      clicks.map { URL(filePath: $0).lastPathComponent } ?? "made-up clicks",
      try log(),
      effort: effort,
      width: width,
      length: length,
      note: note,
      progress: progress
    )
    let report = try name.run(study)
    try report.write(to: output)
    say(report.text)
    note("done; \(output)/\(name.rawValue).md, .json and .svg are written")
  }

  private func log() throws -> ClickLog {
    guard let clicks else { return try ClickLog.made().parted(byTime: ClickLog.timeShares) }
    let log = try reading.read(clicks)
    if log.parts.isEmpty {
      guard !log.timesMs.isEmpty else {
        throw CommandFailure(
          "\(clicks) has neither a column `split` nor times; say --split leave-one-out"
        )
      }
      return log.parted(byTime: ClickLog.timeShares)
    }
    return log
  }
}

extension Experiment: ExpressibleByArgument {}

extension ClickLog {
  /// Made-up clicks of 2,000 users on 1,000 items, the same every time.
  fileprivate static func made() throws -> ClickLog {
    var generator = ClickGenerator(.init())
    var sessions: [String: [(item: String, timeMs: Int64)]] = [:]
    var order: [String] = []
    while let click = generator.next() {
      if sessions[click.user] == nil { order.append(click.user) }
      sessions[click.user, default: []].append((click.item, click.timestampMs))
    }
    var log = ClickLog()
    for user in order {
      let clicks = sessions[user] ?? []
      try log.append(clicks.map(\.item), timesMs: clicks.map(\.timeMs))
    }
    return log
  }
}
