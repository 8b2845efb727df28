import Benchmarks
import Files
import Foundation
import Network
import Testing

@Suite("Benchmarks")
struct BenchmarksTests {
  private let stopwatch = Stopwatch(seconds: 0)

  @Test("the median call makes the rate, and p99 is one of the slowest")
  func sumsUp() {
    let times = (1...200).map(Double.init).shuffled()
    let measurement = Measurement("w", [:], unit: "u", perCall: 50, microseconds: times)
    #expect(measurement.calls == 200 && measurement.p50 == 101 && measurement.p99 == 199)
    #expect(measurement.perSecond == 50 / 101e-6)
  }

  @Test("a stopwatch repeats what it measures, after a call that does not count")
  func repeats() {
    var calls = 0
    let measurement = stopwatch.measure("w", unit: "u", perCall: 1) { calls += 1 }
    #expect(measurement.calls == 5 && calls == 6)
    // Nobody counts here.
    #expect(measurement.allocations == nil)
  }

  @Test("a rate is set beside that of the same work with the same settings")
  func reference() throws {
    func measured(_ batch: String, _ time: Double) -> Benchmarks.Measurement {
      Measurement("w", ["b": batch, "a": "1"], unit: "u", perCall: 1, microseconds: [time])
    }
    let lines = try [measured("1", 10), measured("2", 10)].map {
      String(decoding: try JSONEncoder().encode($0), as: UTF8.self)
    }
    let reference = try reference(lines)
    #expect(reference.ratio(of: measured("2", 5)) == 2)
    #expect(reference.ratio(of: measured("3", 5)) == nil)
    let failure = #expect(throws: FileFailure.self) { try self.reference(lines + ["{}"]) }
    #expect(failure?.line == 3)
    #expect(throws: FileFailure.self) { try self.reference([]) }
  }

  private func reference(_ lines: [String]) throws -> Reference {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).ndjson").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try WholeFile.replace(path, with: Array(lines.joined(separator: "\n").utf8))
    return try Reference(path: path)
  }

  @Test("a suggestion is measured whole and in parts, for each denoiser")
  func generation() throws {
    for (denoiser, sampler) in [("linear", "folded"), ("mlp", "ddpm"), ("residual", "ddim")] {
      var bench = try GenerationBench(
        .init(
          try #require(.init(rawValue: denoiser)),
          try #require(.init(rawValue: sampler)),
          steps: 4,
          items: 40,
          length: 3
        )
      )
      let measured = bench.run(batch: 7, stopwatch)
      #expect(measured.map(\.work) == ["suggest", "encode", "generate", "match"])
      #expect(
        measured.allSatisfy {
          $0.perCall == 7 && $0.settings["batch"] == "7" && $0.settings["denoiser"] == denoiser
        }
      )
    }
  }

  @Test("matching is measured beside reading all embeddings once")
  func matching() {
    let measured = MatchBench(items: 50).run(batches: [1, 3], stopwatch)
    #expect(measured.map(\.work) == ["read", "top-20", "top-20"])
    #expect(measured.map(\.perCall) == [4 * 64 * 50, 1, 3])
  }

  @Test("a pipeline carries all clicks through, and its stages are measured")
  func pipeline() throws {
    let bench = try PipelineBench(.init(.linear, .folded, steps: 4, items: 40), clicks: 100)
    let measured = try bench.run(batch: 30)
    #expect(measured.first?.work == "pipeline" && measured.allSatisfy { $0.calls == 3 })
    let stages = measured.dropFirst().map(\.work)
    #expect(stages.contains("pipeline: decode") && stages.contains("pipeline: match"))
  }

  @Test("a step of training, and the start of a model from its directory")
  func others() throws {
    #expect(try TrainingBench(items: 100).run(.mlp, stopwatch).perCall == 256)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let start = try StartBench(items: 30, directory: folder.path).run(stopwatch)
    #expect(start.map(\.work) == ["start: load", "start: prepare"])
  }
}
