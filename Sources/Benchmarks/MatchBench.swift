internal import Diffusion
internal import Kernels

/// What the best twenty of a catalogue cost, by its size.
package struct MatchBench {
  private let items: Int
  private let width: Int
  private let values: [Float]
  private let table: ScanTable

  package init(items: Int, width: Int = 64) {
    (self.items, self.width) = (items, width)
    values = Self.normals(items, width)
    table = ScanTable(values[...], width: width)
  }

  /// Measures the scan for each size of batch, and reading all embeddings once; it reads half.
  package func run(batches: [Int], _ stopwatch: Stopwatch) -> [Measurement] {
    var settings = ["items": "\(items)", "width": "\(width)"]
    var sum: Float = 0
    let reading = stopwatch.measure("read", settings, unit: "bytes", perCall: 4 * values.count) {
      sum += Lanes.sum(values.span)
    }
    precondition(!sum.isNaN)
    var scan = TopKScan()
    return [reading]
      + batches.map { batch in
        let queries = Self.normals(batch, width)
        settings["batch"] = "\(batch)"
        return stopwatch.measure("top-20", settings, unit: "queries", perCall: batch) {
          scan.scan(queries.span, over: table, k: 20)
        }
      }
  }

  private static func normals(_ rows: Int, _ width: Int) -> [Float] {
    var values = [Float](repeating: 0, count: rows * width)
    var span = values.mutableSpan
    for row in 0..<rows {
      var part = span._mutatingExtracting((row * width)..<((row + 1) * width))
      Noise.fill(&part, key: NoiseKey(seed: 1, user: UInt64(rows), position: UInt64(row)), draw: 0)
    }
    return values
  }
}
