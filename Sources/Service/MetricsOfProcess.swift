import FoundationEssentials

/// What the kernel says about this process.
struct ProcessUsage: Equatable {
  var residentBytes: Double
  var cpuSeconds: Double

  /// Linux gives processor time in `/proc` in hundredths of a second, on every architecture.
  private static let ticksPerSecond = 100.0

  /// - Returns: `nil` where there is no `/proc`.
  static func current() -> ProcessUsage? {
    guard let status = read("/proc/self/status"), let stat = read("/proc/self/stat") else {
      return nil
    }
    return ProcessUsage(status: status, stat: stat)
  }

  private static func read(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).flatMap { String(bytes: $0, encoding: .utf8) }
  }
}

extension ProcessUsage {
  /// Reads the texts of `/proc/self/status` and `/proc/self/stat`.
  init?(status: String, stat: String) {
    let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    guard let kilobytes = resident?.split(whereSeparator: \.isWhitespace).dropFirst().first,
      let kilobytes = Double(kilobytes)
    else { return nil }
    residentBytes = kilobytes * 1_024

    // The name, in parentheses, may hold blanks and parentheses; the fields after it do not.
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return nil
    }
    cpuSeconds = (user + system) / Self.ticksPerSecond
  }
}
