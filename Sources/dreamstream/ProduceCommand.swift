import ArgumentParser
import Evaluation
import Files
import Foundation
import Kafka
import Training

/// Sends a click file to a topic.
struct Produce: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send a file of clicks to a topic.",
    discussion: """
      Messages are keyed by user. Each has the event id PREFIX and its number in the file, so \
      sending a file again changes no session. `kcat -P -K` can do the same.
      """
  )

  @Option(help: "TSV, CSV or NDJSON, gzip too; - for standard input.") var clicks: String
  @Option(help: "Only this part, where the file has a column `split`.") var part: String?
  @Option(help: "Brokers: HOST:PORT, with commas between.") var brokers: String
  @Option(help: "The topic.") var topic = "clicks"
  @Option(help: Rate.help) var rate = Rate.max
  @Option(help: "What each event id starts with.") var eventIDPrefix = "f"
  @Option(help: "What times the clicks have: `file`, or `now` for when they are sent.")
  var time = ClickTime.file
  @OptionGroup var properties: PropertyOptions

  /// How long nothing may be stored before it gives up: not as long where no broker ever answered.
  static func patience(somebodyAnswers: Bool) -> Duration {
    .seconds(somebodyAnswers ? 60 : 15)
  }

  func run() throws {
    let stream = try ClickStream(path: clicks, part: part)
    let settings = properties.settings(brokers: brokers)
    let somebody = try sayIfNobodyAnswers(settings)
    var feed = try ClickFeed(
      settings: settings,
      topic: topic,
      prefix: eventIDPrefix,
      time: time,
      patience: Self.patience(somebodyAnswers: somebody)
    )
    var pace = Pace(perSecond: rate.perSecond)
    let isTerminal = isatty(2) == 1
    var progress = ProgressBar(
      "producing",
      total: stream.clicks.count,
      unit: "clicks",
      isTerminal: isTerminal,
      write: writeToStandardError
    )
    for (index, click) in stream.clicks.enumerated() {
      pace.wait()
      try feed.send(click, number: index)
      progress.show(feed.stored, [])
    }
    // A line that says nothing new is for a terminal alone.
    var last = -1
    try feed.finish { stored in
      if isTerminal || stored > last { progress.show(stored, []) }
      last = stored
    }
    progress.finish()
    writeToStandardError("\(stream.clicks.count) clicks are in \(topic)\n")
  }
}

/// Which time a sent click has.
enum ClickTime: String, CaseIterable, ExpressibleByArgument {
  case file, now
}

/// The clicks of a file in the order of the file, or of one part of it.
struct ClickStream {
  let clicks: [FileClick]

  init(path: String, part: String?) throws(FileFailure) {
    var clicks: [FileClick] = []
    try ClickFile.forEach(path) { entry in
      switch entry {
      case .click(let click): clicks.append(click)
      case .history(let history):
        clicks += history.items.indices.map { index in
          FileClick(
            user: history.user,
            item: history.items[index],
            part: history.parts.isEmpty ? nil : history.parts[index]
          )
        }
      case .example: break
      }
    }
    self.clicks = part.map { part in clicks.filter { $0.part == part } } ?? clicks
    if self.clicks.isEmpty {
      throw FileFailure(
        path: path,
        reason: part.map { "it has no clicks with split \($0)" } ?? "it has no clicks"
      )
    }
  }
}

/// Keeps to a rate, open loop: what is late is made up for.
struct Pace {
  private let perSecond: Double?
  private let start = ContinuousClock.now
  private var passed = 0

  init(perSecond: Double?) { self.perSecond = perSecond }

  mutating func wait() {
    defer { passed += 1 }
    guard let perSecond else { return }
    let due = start + .seconds(Double(passed) / perSecond)
    let left = (due - .now) / .seconds(1)
    if left > 0 { Thread.sleep(forTimeInterval: left) }
  }
}

func writeToStandardError(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
}
