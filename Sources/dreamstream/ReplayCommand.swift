import ArgumentParser
import Evaluation
import Foundation
import Pipeline
import Replay
import Service

/// Replays a stream of the past through the pipeline that serves, and judges what it suggests.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Replay past clicks through the pipeline, and judge what it would have suggested.",
    discussion: """
      Every click is predicted by what was suggested after its user's click before, then learned \
      from by the baselines that go on learning. Suggestions are those that a worker with the same \
      settings publishes, whatever the speed and the threads; with learn.live_items it learns \
      after every 64 clicks.
      """
  )

  @Option(help: "Clicks: TSV, CSV or NDJSON; gzip too; - for standard input.") var clicks: String?
  @Option(help: "Instead of a file, a topic of clicks; wants --brokers.") var topic: String?
  @Option(help: "Brokers: HOST:PORT, with commas between.") var brokers: String?
  @Option(help: "Where it begins: a time (2014-04-01T12:00:00Z, or ms), or offset:N.")
  var from: TopicBound?
  @Option(help: "Where it ends, the same way; what is there or then is left out.")
  var until: TopicBound?
  @Option(help: "The model's directory; the same as --set model.directory=….") var model: String?
  @Option(help: "A worker's configuration file, YAML.") var config: String?
  @Option(name: .customLong("set"), help: "A setting of the worker: key=value; may be repeated.")
  var settings: [String] = []
  @Option(help: "The part that is judged, where the file has a column `split`. (default: all)")
  var part: String?
  @Option(help: "A part that is replayed and not judged: frozen baselines learn from it alone.")
  var warmUp: String?
  @Option(help: "How fast time passes: `max`, or how many times as fast as it did, such as 60x.")
  var speed = Speed.max
  @Option(help: "Threads, each for some of the users. (default: one a core)") var threads: Int?
  @Option(help: "Rows out of the order of their times: refuse, or sort the file in memory.")
  var unordered = ClickRecords.Choices.Disorder.refuse
  @Option(help: "Rows that cannot be read: refuse, or skip and count them.")
  var badRows = ClickRecords.Choices.Bad.refuse
  @Option(help: "What stands beside: all baselines, counts (popularity, transitions), or none.")
  var baselines = Prequential.Options.Baselines.all
  @Option(help: "How many times sessions are drawn anew for an interval.") var resamples = 1_000
  @Option(help: "The seed of the resampling.") var seed: UInt64 = 1
  @Option(help: "A file for the suggestions, a line of JSON each; - for standard output.")
  var output: String?
  @Option(help: "A topic for the suggestions, by the same brokers.") var toTopic: String?
  @Option(help: "A page of all that was found out, to open in a browser.") var report: String?
  @Option(help: "The same for programs, and for `dreamstream report`.") var json: String?

  func validate() throws {
    var problems: [String] = []
    if let threads, !(1...256).contains(threads) {
      problems.append("threads is \(threads); it wants 1 to 256")
    }
    if !(1...100_000).contains(resamples) {
      problems.append("resamples is \(resamples); it wants 1 to 100000")
    }
    if clicks == nil, topic == nil { problems.append("--clicks or --topic is wanted") }
    if clicks != nil, topic != nil { problems.append("--clicks and --topic are two sources") }
    if topic != nil || toTopic != nil, brokers == nil { problems.append("a topic wants --brokers") }
    if topic == nil, from != nil || until != nil {
      problems.append("--from and --until are of a --topic")
    }
    if topic != nil, part != nil { problems.append("a topic has no parts; leave --part out") }
    if warmUp != nil, part == nil { problems.append("--warm-up wants --part, what is judged") }
    if let warmUp, warmUp == part { problems.append("--warm-up and --part are both \(warmUp)") }
    if let topic, topic == toTopic { problems.append("--topic and --to-topic are both \(topic)") }
    problems += problemsOfFiles()
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  /// Files that are written in place of others that are named, or cannot be.
  private func problemsOfFiles() -> [String] {
    let named = [
      ("--clicks", clicks), ("--output", output), ("--json", json), ("--report", report),
    ]
    var places: [String: String] = [:]
    var problems: [String] = []
    for case (let option, let path?) in named where path != "-" {
      let place = URL(filePath: path).resolvingSymlinksInPath()
      if let other = places.updateValue(option, forKey: place.path) {
        problems.append("\(other) and \(option) are one file, \(path)")
      }
      let folder = place.deletingLastPathComponent().path
      let files = FileManager.default
      if option == "--clicks" || option == "--output" && files.isWritableFile(atPath: place.path) {
        continue
      }
      if !files.isWritableFile(atPath: folder) {
        problems.append("\(option) cannot be written: \(folder) is no folder one may write to")
      }
    }
    return problems
  }

  func run() throws {
    let configuration = try settingsOfWorker()
    if let toTopic, toTopic == configuration.topics.clicks {
      throw ValidationError("--to-topic is \(toTopic), the topic that clicks are read from")
    }
    let model = try loadModel(configuration.model.directory, givenBy: "--model")
    var options = try configuration.recommenderOptions()
    // What depends on the clock would differ from run to run.
    options.deadlineMs = nil
    let replay = Replay(
      recommender: try Recommender(model: model, options: options),
      options: configuration.pipelineOptions,
      limits: configuration.sessionLimits,
      lanes: threads ?? ProcessInfo.processInfo.activeProcessorCount
    )
    try ReplayRun(self, model, configuration).run(replay)
  }

  private func settingsOfWorker() throws -> Configuration {
    // The measures reach to 50, unless the worker to be judged is another.
    let standard = config == nil ? ["suggest.count=50"] : []
    return try loadConfiguration(
      config,
      settings: standard + settings,
      named: [("model.directory", model), ("kafka.brokers", brokers)]
    )
  }
}

/// How many times as fast as it did time passes.
struct Speed: ExpressibleByArgument, Equatable {
  static let max = Speed(times: nil)

  /// `nil` for as fast as it goes.
  let times: Double?

  init(times: Double?) { self.times = times }

  init?(argument: String) {
    if argument == "max" {
      self = .max
      return
    }
    guard argument.hasSuffix("x"), let times = Double(argument.dropLast()),
      (0.001...1e9).contains(times)
    else { return nil }
    self.times = times
  }

  var defaultValueDescription: String { times.map { "\($0)x" } ?? "max" }
}

extension ClickRecords.Choices.Disorder: ExpressibleByArgument {}
extension ClickRecords.Choices.Bad: ExpressibleByArgument {}
extension Prequential.Options.Baselines: ExpressibleByArgument {}
extension TopicBound: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
}
