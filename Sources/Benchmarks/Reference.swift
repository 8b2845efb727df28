internal import FoundationEssentials

/// What an earlier run measured, to set another beside.
package struct Reference: Sendable {
  /// By work and settings, units a second.
  private var rates: [String: Double] = [:]

  /// Reads measurements in JSON, a line for each, as `dreamstream bench --json` prints them.
  ///
  /// - Throws: Which line is none.
  package init(lines: String) throws(ReferenceFailure) {
    for (number, line) in lines.split(separator: "\n").enumerated() {
      guard let measurement = try? JSONDecoder().decode(Measurement.self, from: Data(line.utf8))
      else { throw ReferenceFailure(line: number + 1) }
      rates[Self.name(measurement)] = measurement.perSecond
    }
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

/// Why a reference cannot be read.
package struct ReferenceFailure: Error, Equatable, CustomStringConvertible {
  package let line: Int

  package init(line: Int) { self.line = line }

  package var description: String {
    "line \(line) is no measurement: a reference is what `dreamstream bench --json` prints"
  }
}
