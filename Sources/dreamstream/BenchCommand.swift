import ArgumentParser
import Benchmarks
import Files
import Foundation
import Network
import Service

/// Measures what runs in this process, part by part.
struct Bench: ParsableCommand {
  enum Work: String, CaseIterable, ExpressibleByArgument {
    case suggest, match, pipeline, train, start, sessions
  }

  static let configuration = CommandConfiguration(
    abstract: "Measure how fast this machine encodes, denoises, matches, trains and starts.",
    discussion: """
      On models of random weights with 64 dimensions, on one thread. Times are of single calls; \
      the median makes the rate. train is DreamRec's own, of a linear denoiser or an mlp. \
      `dreamstream curves` draws cost against sizes.
      """
  )

  @Argument(help: "What to measure. (default: all, sessions with --redis only)")
  var works: [Work] = []
  @Option(help: "The denoiser of suggest, pipeline and train.")
  var denoiser = Shape.Denoiser.linear
  @Option(help: "DDIM steps of suggest and pipeline; 0 for all T ancestral ones, or the fold.")
  var steps = 0
  @Option(name: .customLong("timesteps"), help: "T.") var timesteps = 500
  @Option(help: "Clicks of a session.") var length = 10
  @Option(help: "Rows at once.", transform: Self.numbers) var batch = [1, 32, 64, 256]
  @Option(help: "Sizes of the catalogue.", transform: Self.numbers) var items = [10_000]
  @Option(
    help: "The Redis of sessions, HOST:PORT or unix:///PATH; what stays there are 40 KB of fences."
  )
  var redis: String?
  @Option(help: "How long each is repeated.") var seconds = 1.0
  @Flag(help: "Print JSON, a line for each.") var json = false
  @Option(
    help: "What an earlier run printed as JSON: a column says how many times as fast this is."
  )
  var reference: String?

  func validate() throws {
    let numbers = [
      ("batch", batch, 1...4_096), ("items", items, 2...10_000_000),
      ("length", [length], 1...1_000), ("timesteps", [timesteps], 2...10_000),
      ("steps", [steps], 0...max(0, timesteps)),
    ]
    var problems = numbers.flatMap { name, values, range in
      values.filter { !range.contains($0) }
        .map { "\(name) is \($0); it wants \(range.lowerBound) to \(range.upperBound)" }
    }
    if !(0...3_600).contains(seconds) {
      problems.append("seconds is \(seconds); it wants 0 to 3600")
    }
    if works.contains(.sessions), redis == nil {
      problems.append("sessions wants --redis: folding happens there")
    }
    if json, reference != nil { problems.append("--reference is for the table, not for --json") }
    if chosen.contains(.train), ![.linear, .mlp].contains(denoiser) {
      problems.append(
        "denoiser is \(denoiser.rawValue); train wants linear or mlp: name other works"
      )
    }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    let stopwatch = Stopwatch(seconds: seconds)
    let earlier = try reference.map { path in
      try Reference(lines: String(decoding: WholeFile.read(path), as: UTF8.self))
    }
    let table = MeasurementTable(json: json, reference: earlier)
    func show(_ measurements: [Benchmarks.Measurement]) throws {
      for measurement in measurements { try table.show(measurement) }
    }
    for work in chosen {
      if work == .sessions {
        var bench = try sessions(in: redis ?? "")
        try show(bench.run(batches: batch, stopwatch))
        continue
      }
      for items in items {
        switch work {
        case .suggest:
          var bench = try GenerationBench(setting(items))
          for batch in batch { try show(bench.run(batch: batch, stopwatch)) }
        case .match: try show(MatchBench(items: items).run(batches: batch, stopwatch))
        case .pipeline:
          let clicks = max(Int(seconds * 50_000), 5 * (batch.max() ?? 1))
          let bench = try PipelineBench(setting(items), clicks: clicks)
          for batch in batch { try show(bench.run(batch: batch)) }
        case .sessions: break
        case .train: try show([TrainingBench(items: items).run(denoiser, stopwatch)])
        case .start:
          let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("dreamstream-bench-\(UUID().uuidString)").path
          defer { try? FileManager.default.removeItem(atPath: folder) }
          try show(StartBench(items: items, directory: folder).run(stopwatch))
        }
      }
    }
  }

  private var chosen: [Work] {
    works.isEmpty ? Work.allCases.filter { $0 != .sessions || redis != nil } : works
  }

  private func sessions(in redis: String) throws -> SessionBench {
    let settings = [
      ("redis.address", redis), ("redis.prefix", "dreamstream-bench"), ("sessions.ttl_ms", "1m"),
      ("sessions.lateness", "1m"),
    ]
    return try SessionBench(Configuration.load(file: nil, overrides: settings, environment: [:]))
  }

  private func setting(_ items: Int) -> GenerationBench.Setting {
    let sampler: Manifest.Serving.Sampler =
      steps > 0 ? .ddim : denoiser == .linear ? .folded : .ddpm
    return GenerationBench.Setting(
      denoiser,
      sampler,
      steps: timesteps,
      ddimSteps: max(1, steps),
      items: items,
      length: length
    )
  }

  private static func numbers(_ text: String) throws -> [Int] {
    try text.split(separator: ",").map { part in
      guard let number = Int(part) else { throw ValidationError("\(part) is no whole number") }
      return number
    }
  }
}
