import Benchmarks
import Foundation

/// Measurements on standard output: a table in Markdown, or JSON, a line for each.
struct MeasurementTable {
  let json: Bool
  /// Rates are set beside its.
  let reference: Reference?
  private var isBegun = false

  init(json: Bool, reference: Reference? = nil) {
    self.json = json
    self.reference = reference
  }

  mutating func show(_ measurement: Benchmarks.Measurement) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      say(String(decoding: try encoder.encode(measurement), as: UTF8.self))
      return
    }
    begin()
    func number(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? "–"
    }
    let settings = measurement.settings.sorted { $0.key < $1.key }
      .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    var cells = [
      measurement.work, settings, measurement.unit, number(measurement.perSecond, "%.0f"),
      number(measurement.p50, "%.1f"), number(measurement.p99, "%.1f"),
      number(measurement.allocations, "%.2f"),
    ]
    if let reference { cells.append(number(reference.ratio(of: measurement), "%.2f")) }
    say("| \(cells.joined(separator: " | ")) |")
  }

  private mutating func begin() {
    if isBegun { return }
    isBegun = true
    let columns =
      ["work", "settings", "unit", "a second", "p50 µs", "p99 µs", "allocations a unit"]
      + (reference == nil ? [] : ["times the reference"])
    say("| \(columns.joined(separator: " | ")) |\n|\(columns.map { _ in "---|" }.joined())")
  }
}
