import Benchmarks
import Foundation

/// Measurements on standard output: a table in Markdown, or JSON, a line for each.
struct MeasurementTable {
  let json: Bool

  /// Begins with the table's head.
  init(json: Bool) {
    self.json = json
    if !json {
      say(
        "| work | settings | unit | a second | p50 µs | p99 µs | allocations a unit |\n"
          + "|---|---|---|---|---|---|---|"
      )
    }
  }

  func show(_ measurement: Benchmarks.Measurement) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      say(String(decoding: try encoder.encode(measurement), as: UTF8.self))
      return
    }
    let settings = measurement.settings.sorted { $0.key < $1.key }
      .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    let numbers = [measurement.p50, measurement.p99].map { String(format: "%.1f", $0) }
    say(
      "| \(measurement.work) | \(settings) | \(measurement.unit) "
        + "| \(Int(measurement.perSecond)) | \(numbers.joined(separator: " | ")) "
        + "| \(measurement.allocations.map { String(format: "%.2f", $0) } ?? "–") |"
    )
  }
}
