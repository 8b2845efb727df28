import ArgumentParser
import Evaluation
import Events
import Foundation
import Kafka
import Logging
import Network
import Service

/// The whole job in one process: clicks, a model, a stream, suggestions, and what they were worth.
struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the whole job: train a small model, stream clicks, sum up.",
    discussion: """
      Without options everything is in this process: made-up clicks, a mock broker, sessions in \
      memory.
      """
  )

  @Option(help: "Real clicks: TSV, CSV or NDJSON, gzip too.") var clicks: String?
  @Option(help: "Brokers: HOST:PORT. (default: one in this process)") var brokers: String?
  @Option(help: "Redis: HOST:PORT or unix:///PATH. (default: sessions in this process)")
  var redis: String?
  @Option(help: "Clicks to stream at most, up to 100,000,000.") var stream = 10_000
  @Option(help: Rate.help) var rate = Rate(perSecond: 1_000)
  @Option(help: "How embeddings are drawn: auto, ddim or ddpm.") var sampler = "auto"
  @Option(help: "The seed of clicks, training and noise.") var seed: UInt64 = 1

  func validate() throws {
    if !(1...100_000_000).contains(stream) {
      throw ValidationError("--stream is \(stream); it wants 1 to 100000000")
    }
  }

  func run() async throws {
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "dreamstream-demo-\(UUID().uuidString.prefix(8).lowercased())")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }

    let (training, streamed) = try parts()
    say("clicks      \(training.count) to learn from, \(streamed.count) to stream")
    let model = scratch.appending(path: "model").path
    let stage = try DemoStage(
      name: scratch.lastPathComponent,
      model: model,
      brokers: brokers,
      redis: redis,
      settings: [("generate.sampler", sampler), ("generate.seed", "\(seed)")]
    )
    try stage.check()
    try train(on: training, scratch: scratch, model: model)
    let reader = try await stage.perform(streamed, rate: rate.perSecond)
    summarise(reader, training: training, streamed: streamed)
    if reader.count < streamed.count { throw ExitCode.failure }
  }

  /// What is learned from and what is streamed: by the file's own split, or earlier and later.
  private func parts() throws -> (training: [FileClick], streamed: [FileClick]) {
    let all: [FileClick]
    if let clicks {
      all = try ClickStream(path: clicks, part: nil).clicks
      let split = (
        training: all.filter { $0.part == "train" }, streamed: all.filter { $0.part == "test" }
      )
      if !split.training.isEmpty, !split.streamed.isEmpty {
        return (split.training, Array(split.streamed.prefix(stream)))
      }
    } else {
      var parameters = ClickGenerator.Parameters()
      parameters.seed = seed
      parameters.clicks = 60_000 + stream
      var generator = ClickGenerator(parameters)
      var made: [FileClick] = []
      while let click = generator.next() {
        made.append(
          FileClick(user: click.user, item: click.item, timestampMs: click.timestampMs)
        )
      }
      all = made
    }
    let inOrder = all.enumerated().sorted {
      ($0.element.timestampMs ?? 0, $0.offset) < ($1.element.timestampMs ?? 0, $1.offset)
    }.map(\.element)
    let held = min(stream, inOrder.count / 5)
    if held == 0 { throw CommandFailure("\(clicks ?? "the stream") has too few clicks") }
    return (Array(inOrder.dropLast(held)), Array(inOrder.suffix(held)))
  }

  private func train(on clicks: [FileClick], scratch: URL, model: String) throws {
    let file = scratch.appending(path: "train.tsv")
    let rows = clicks.enumerated().map { index, click in
      "\(click.timestampMs ?? Int64(index))\t\(click.user)\t\(click.item)\n"
    }
    try Data(("time\tuser\titem\n" + rows.joined()).utf8).write(to: file)
    try Train.parse([
      "--clicks", file.path, "--output", model, "--name", "demo", "--denoiser", "residual",
      "--schedule", "cosine", "--loss", "ce", "--sphere", "--spread", "0.05", "--blocks", "2",
      "--encoder-weight", "1", "--noise-bias", "3", "--guidance", "0", "--length", "20",
      "--epochs", "6", "--rate", "3e-3", "--warm-up", "100", "--decay", "--dropout", "0.2",
      "--metric", "ndcg@20", "--seed", "\(seed)", "--validation-limit", "2000",
      "--without-summary",
    ]).run()
  }

  private func summarise(
    _ reader: SuggestionReader,
    training: [FileClick],
    streamed: [FileClick]
  ) {
    let judgement = Judgement(training: training, stream: streamed, cutoff: 20) {
      reader.items(ofEvent: DemoStage.eventID($0))
    }
    let latencies = reader.latenciesMs.sorted()
    func latency(_ share: Double) -> String {
      latencies.isEmpty ? "-" : "\(latencies[Int(share * Double(latencies.count - 1))]) ms"
    }
    say(
      """

      events in        \(streamed.count)
      suggestions out  \(reader.count), \(reader.repeated) repeated, \
      \(reader.fallbacks) popular instead (no known item)
      throughput       \(Int(reader.perSecond)) a second, from the first suggestion to the last
      latency          p50 \(latency(0.5)), p90 \(latency(0.9)), p99 \(latency(0.99)) \
      from click to reader, the backlog of the start included
      steps used       \(reader.stepsSummary)
      """
    )
    show(judgement, cutoff: 20)
  }
}

/// Prints a line at once, also into a pipe.
func say(_ line: String) {
  try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
}
