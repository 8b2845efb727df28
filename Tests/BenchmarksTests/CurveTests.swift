import Benchmarks
import Evaluation
import Files
import Foundation
import TestSupport
import Testing

@Suite("Curves")
struct CurveTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())").path
  private let sizes = {
    var sizes = Curve.Sizes()
    sizes.timesteps = [4, 6]
    sizes.steps = [1, 2, 6]
    sizes.batch = [1, 3]
    sizes.items = [30, 50]
    sizes.length = [2, 4]
    sizes.catalogue = 40
    return sizes
  }()

  /// Each SVG of the folder, as lines and points.
  private func drawn() throws -> [String: [Int]] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let counts = try names.map { name in
      let svg = SVGReader(String(decoding: try WholeFile.read("\(folder)/\(name)"), as: UTF8.self))
      #expect(svg.readable, "\(name) is well formed")
      return (name, [svg.all("polyline").count, svg.count("marker")])
    }
    return Dictionary(uniqueKeysWithValues: counts)
  }

  @Test("each curve is drawn, with a point for each size of each line")
  func all() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var shown: [Benchmarks.Measurement] = []
    try CurveBench(Stopwatch(seconds: 0), sizes: sizes) { shown.append($0) }.write(to: folder)
    let expected = [
      "timesteps.svg": [4, 8], "steps.svg": [2, 6], "batch.svg": [2, 4], "items.svg": [3, 6],
      "length.svg": [2, 4],
    ]
    #expect(try drawn() == expected)
    #expect(shown.count == expected.values.reduce(0) { $0 + $1[1] })
  }

  @Test("a point stands at the size it is of, at what a suggestion or a query takes")
  func points() throws {
    for curve in Curve.allCases {
      var shown: [Benchmarks.Measurement] = []
      let plot = try CurveBench(Stopwatch(seconds: 0), sizes: sizes) { shown.append($0) }.plot(
        curve
      )
      let costs = shown.map { $0.work == "read" ? $0.p50 : $0.p50 / Double($0.perCall) }
      #expect(plot.series.flatMap(\.points).map(\.y).sorted() == costs.sorted())
      let key = curve == .timesteps ? "T" : curve.rawValue
      let places = try shown.map { try #require($0.settings[key].flatMap(Double.init)) }
      #expect(plot.series.flatMap(\.points).map(\.x).sorted() == places.sorted())
      if curve == .length { #expect(shown.allSatisfy { $0.settings["batch"] == "4" }) }
    }
  }

  @Test("a worker's rates are drawn by partitions, a line for each number of pipelines")
  func worker() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let lines = """
      {"partitions": 4, "pipelines": 1, "eventsPerSecond": 9000.5}
      {"partitions": 1, "pipelines": 1, "eventsPerSecond": 8000}
      {"partitions": 1, "pipelines": 2, "eventsPerSecond": 8000}
      """
    try rates(lines).write(to: folder)
    #expect(try drawn() == ["partitions.svg": [1, 3]])
  }

  @Test(
    "what is no rate of a worker is refused by its line",
    arguments: [
      "", "{}", #"{"partitions": 0, "pipelines": 1, "eventsPerSecond": 1}"#,
      #"{"partitions": 1, "pipelines": 1, "eventsPerSecond": NaN}"#,
      #"{"partitions": 1, "pipelines": 0, "eventsPerSecond": 1}"#,
      #"{"partitions": 1, "pipelines": 1, "eventsPerSecond": -1}"#,
    ]
  )
  func refused(line: String) {
    let good = #"{"partitions": 1, "pipelines": 1, "eventsPerSecond": 1}"#
    let failure = #expect(throws: FileFailure.self) {
      try rates(line.isEmpty ? "" : "\(good)\n\(line)")
    }
    #expect(failure?.line == (line.isEmpty ? nil : 2))
  }

  private func rates(_ text: String) throws -> WorkerRates {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).ndjson").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try WholeFile.replace(path, with: Array(text.utf8))
    return try WorkerRates(path: path)
  }
}
