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
      the median makes the rate. suggest is encode, generate and match, which follow it one by \
      one; read goes through all embeddings once; train is DreamRec's own, of a linear denoiser \
      or an mlp. Allocations are counted where deploy/allocations.c is preloaded. \
      `dreamstream curves` draws cost against sizes.
      """
  )

  @Argument(help: "What to measure. (default: all, sessions with --redis only)")
  var works: [Work] = []
  @Option(help: "The denoiser of suggest, pipeline and train. (default: linear)")
  var denoiser: Shape.Denoiser?
  @Option(
    help: "DDIM steps of suggest and pipeline; 0: all T ancestral, or the fold. (default: 0)"
  )
  var steps: Int?
  @Option(help: "T, the steps of their noise schedule. (default: 500)") var timesteps: Int?
  @Option(help: "The longest session of suggest and pipeline, in clicks. (default: 10)")
  var length: Int?
  @Option(
    help: "Rows at once of suggest, match, pipeline and sessions. (default: 1,32,64,256)",
    transform: Self.numbers
  )
  var batch: [Int]?
  @Option(
    help: "Sizes of the catalogue, for all but sessions. (default: 10000)",
    transform: Self.numbers
  )
  var items: [Int]?
  @Option(help: "Numbers of an embedding, of match; all else has 64. (default: 64)")
  var width: Int?
  @Option(
    help: "The Redis of sessions, HOST:PORT or unix:///PATH; what stays there are 40 KB of fences."
  )
  var redis: String?
  @Option(help: "How long each is repeated.") var seconds = 1.0
  @Flag(help: "Print JSON, a line for each.") var json = false
  @Option(
    help: """
      What an earlier run printed as JSON: a column of the table says how many times as fast this \
      is, – where it has no such row.
      """
  )
  var reference: String?

  func validate() throws {
    var problems = sizes.flatMap { option, values, range in
      values.filter { !range.contains($0) }
        .map { "--\(option) is \($0); it wants \(range.lowerBound) to \(range.upperBound)" }
    }
    if !(0...3_600).contains(seconds) {
      problems.append("--seconds is \(seconds); it wants 0 to 3600")
    }
    for (option, isGiven, works) in takers where isGiven && works.isDisjoint(with: chosen) {
      let names = works.map(\.rawValue).sorted().joined(separator: ", ")
      problems.append("--\(option) changes nothing here; it is for \(names)")
    }
    if works.contains(.sessions), redis == nil {
      problems.append("sessions wants --redis: folding happens there")
    }
    if denoiser == Shape.Denoiser.none, steps != nil || timesteps != nil {
      problems.append("--steps and --timesteps change nothing without a denoiser")
    }
    if json, reference != nil { problems.append("--reference is for the table, not for --json") }
    if chosen.contains(.train), let denoiser, ![.linear, .mlp].contains(denoiser) {
      problems.append(
        "--denoiser is \(denoiser.rawValue); train wants linear or mlp: name other works"
      )
    }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    let earlier = try reference.map { try Reference(path: $0) }
    var table = MeasurementTable(json: json, reference: earlier)
    for work in chosen { try measure(work) { try table.show($0) } }
  }

  private func measure(_ work: Work, show: (Benchmarks.Measurement) throws -> Void) throws {
    switch work {
    case .suggest:
      for items in catalogues {
        var bench = try GenerationBench(setting(items))
        for batch in batches { try bench.run(batch: batch, stopwatch).forEach(show) }
      }
    case .match:
      for items in catalogues {
        let bench = MatchBench(items: items, width: width ?? 64)
        try bench.run(batches: batches, stopwatch).forEach(show)
      }
    case .pipeline:
      let clicks = max(Int(seconds * 50_000), 5 * (batches.max() ?? 1))
      for items in catalogues {
        let bench = try PipelineBench(setting(items), clicks: clicks)
        for batch in batches { try bench.run(batch: batch).forEach(show) }
      }
    case .train:
      for items in catalogues {
        try show(TrainingBench(items: items).run(denoiser ?? .linear, stopwatch))
      }
    case .start:
      for items in catalogues {
        let folder = FileManager.default.temporaryDirectory
          .appendingPathComponent("dreamstream-bench-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try StartBench(items: items, directory: folder).run(stopwatch).forEach(show)
      }
    case .sessions:
      let settings = [
        ("redis.address", redis ?? ""), ("redis.prefix", "dreamstream-bench"),
        ("sessions.ttl_ms", "1m"), ("sessions.lateness", "1m"),
      ]
      var bench = try SessionBench(
        Configuration.load(file: nil, overrides: settings, environment: [:])
      )
      try bench.run(batches: batches, stopwatch).forEach(show)
    }
  }

  private var chosen: [Work] {
    works.isEmpty ? Work.allCases.filter { $0 != .sessions || redis != nil } : works
  }

  private var stopwatch: Stopwatch { Stopwatch(seconds: seconds) }
  private var batches: [Int] { batch ?? [1, 32, 64, 256] }
  private var catalogues: [Int] { items ?? [10_000] }

  private var sizes: [(option: String, values: [Int], range: ClosedRange<Int>)] {
    let timesteps = timesteps ?? 500
    return [
      ("batch", batches, 1...4_096), ("items", catalogues, 2...10_000_000),
      ("length", [length ?? 10], 1...1_000), ("timesteps", [timesteps], 2...10_000),
      ("width", [width ?? 64], 1...1_024),
      ("steps", [steps ?? 0], 0...max(0, timesteps)),
    ]
  }

  /// Which works an option is for.
  private var takers: [(option: String, isGiven: Bool, works: Set<Work>)] {
    let models: Set<Work> = [.suggest, .pipeline]
    return [
      ("denoiser", denoiser != nil, models.union([.train])), ("steps", steps != nil, models),
      ("timesteps", timesteps != nil, models), ("length", length != nil, models),
      ("batch", batch != nil, models.union([.match, .sessions])),
      ("items", items != nil, Set(Work.allCases).subtracting([.sessions])),
      ("width", width != nil, [.match]), ("redis", redis != nil, [.sessions]),
    ]
  }

  private func setting(_ items: Int) -> GenerationBench.Setting {
    let (denoiser, steps) = (denoiser ?? .linear, steps ?? 0)
    // Without a denoiser all steps give the same.
    let sampler: Manifest.Serving.Sampler =
      steps > 0 || denoiser == .none ? .ddim : denoiser == .linear ? .folded : .ddpm
    return GenerationBench.Setting(
      denoiser,
      sampler,
      steps: timesteps ?? 500,
      ddimSteps: max(1, steps),
      items: items,
      length: length ?? 10
    )
  }

  private static func numbers(_ text: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let number = Int(part) else {
        throw ValidationError("'\(part)' is no whole number; it wants such as 1,64")
      }
      return number
    }
  }
}
