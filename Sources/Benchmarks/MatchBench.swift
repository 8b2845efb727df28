internal import Diffusion
internal import Kernels

/// What the best twenty of a catalogue cost, by its size.
package struct MatchBench {
  private static let width = 64
  private let items: Int
  private let values: [Float]
  private let table: ScanTable

  package init(items: Int) {
    self.items = items
    values = Self.normals(items)
    table = ScanTable(values[...], width: Self.width)
  }

  /// Measures the scan for each size of batch, and reading all embeddings once; it reads half.
  package func run(batches: [Int], _ stopwatch: Stopwatch) -> [Measurement] {
    var settings = ["items": "\(items)"]
    var sum: Float = 0
    let reading = stopwatch.measure("read", settings, unit: "bytes", perCall: 4 * values.count) {
      sum += Lanes.sum(values.span)
    }
    precondition(!sum.isNaN)
    var scan = TopKScan()
    return [reading]
      + batches.map { batch in
        let queries = Self.normals(batch)
        settings["batch"] = "\(batch)"
        return stopwatch.measure("top-20", settings, unit: "queries", perCall: batch) {
          scan.scan(queries.span, over: table, k: 20)
        }
      }
  }

  private static func normals(_ rows: Int) -> [Float] {
    var values = [Float](repeating: 0, count: rows * width)
    var span = values.mutableSpan
    for row in 0..<rows {
      var part = span._mutatingExtracting((row * width)..<((row + 1) * width))
      Noise.fill(&part, key: NoiseKey(seed: 1, user: UInt64(rows), position: UInt64(row)), draw: 0)
    }
    return values
  }
}
