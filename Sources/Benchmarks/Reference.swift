package import Files
internal import FoundationEssentials

/// What an earlier run measured, to set another beside.
package struct Reference: Sendable {
  /// By work and settings, units a second.
  private var rates: [String: Double] = [:]

  /// Reads a file of what `dreamstream bench --json` prints, a line for each measurement.
  package init(path: String) throws(FileFailure) {
    var reader = try LineReader(path: path)
    while let line = try reader.next() {
      guard let measurement = try? JSONDecoder().decode(Measurement.self, from: Data(line)) else {
        throw FileFailure(
          path: path,
          line: reader.line,
          reason: "it is no measurement: a reference is what `dreamstream bench --json` prints"
        )
      }
      rates[Self.name(measurement)] = measurement.perSecond
    }
    if rates.isEmpty { throw FileFailure(path: path, reason: "it is empty: nothing to compare") }
  }

  /// How many times as fast as then the same work with the same settings is; `nil` if it was not
  /// measured.
  package func ratio(of measurement: Measurement) -> Double? {
    rates[Self.name(measurement)].map { measurement.perSecond / $0 }
  }

  private static func name(_ measurement: Measurement) -> String {
    let settings = measurement.settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return ([measurement.work] + settings).joined(separator: "\n")
  }
}
