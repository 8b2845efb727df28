/// How far a long job is: a line that is redrawn on a terminal, now and then one elsewhere.
package struct ProgressBar {
  private let title: String
  /// When it is complete; may be known better as it goes.
  package var total: Int
  private let unit: String
  private let isTerminal: Bool
  private let write: (String) -> Void
  /// When and where the job began: a resumed one does not begin at 0.
  private let start: (at: ContinuousClock.Instant, done: Int)
  private var shownAt: ContinuousClock.Instant?
  private var drawnWidth = 0

  /// - Parameters:
  ///   - title: What is being done, in a word.
  ///   - total: When it is complete, counted in `unit`.
  ///   - unit: What is counted, in the plural: `examples`.
  ///   - done: How much was done before this run.
  ///   - now: When it begins.
  ///   - isTerminal: Whether what `write` writes can be redrawn by `\r`.
  ///   - write: Takes the text; standard error, as a rule.
  package init(
    _ title: String,
    total: Int,
    unit: String,
    done: Int = 0,
    now: ContinuousClock.Instant = .now,
    isTerminal: Bool,
    write: @escaping (String) -> Void,
  ) {
    self.title = title
    self.total = total
    self.unit = unit
    self.isTerminal = isTerminal
    self.write = write
    start = (now, done)
  }

  /// Shows the state, unless it was shown a moment ago: 0.1 s on a terminal, 10 s elsewhere.
  ///
  /// `fields` are shown as they are, between the percentage and the speed.
  package mutating func show(
    _ done: Int,
    _ fields: [String],
    now: ContinuousClock.Instant = .now,
  ) {
    let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
    if let shownAt, now - shownAt < interval, done < total { return }
    shownAt = now
    let line = line(done, fields, now: now)
    if isTerminal {
      let padding = String(repeating: " ", count: max(0, drawnWidth - line.count))
      write("\r" + line + padding)
      drawnWidth = line.count
    } else {
      write(line + "\n")
    }
  }

  /// Writes a line that stays, above the one that is redrawn at the next chance.
  package mutating func note(_ text: String) {
    let padding = String(repeating: " ", count: max(0, drawnWidth - text.count))
    write((drawnWidth > 0 ? "\r" : "") + text + padding + "\n")
    drawnWidth = 0
    if isTerminal { shownAt = nil }
  }

  /// Leaves the last state as a line of its own.
  package mutating func finish() {
    if drawnWidth > 0 { write("\n") }
    drawnWidth = 0
  }

  private func line(_ done: Int, _ fields: [String], now: ContinuousClock.Instant) -> String {
    let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
    let percent = String(Int(share * 100))
    let width = 24
    let filled = Int(share * Double(width))
    let bar =
      String(repeating: "━", count: filled) + String(repeating: "╌", count: width - filled)
    var parts = [title + " " + String(repeating: " ", count: 3 - percent.count) + percent + " %"]
    if isTerminal { parts[0] += " " + bar }
    parts += fields
    let elapsed = (now - start.at) / .seconds(1)
    if elapsed > 0, done > start.done {
      let rate = Double(done - start.done) / elapsed
      parts.append("\(Self.grouped(rate)) \(unit)/s")
      parts.append("\(Self.clock(Double(max(0, total - done)) / rate)) left")
    }
    return parts.joined(separator: " · ")
  }

  /// A number with its thousands apart: `12,345`; with a digit behind the point below 10.
  static func grouped(_ value: Double) -> String {
    if value < 10 { return "\((value * 10).rounded() / 10)" }
    var digits = String(Int(min(value, 1e15)))
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = String(digits.dropLast(3))
    }
    return ([digits[...]] + groups).joined(separator: ",")
  }

  /// Seconds as `1:02:03` or `2:03`.
  static func clock(_ seconds: Double) -> String {
    let whole = Int(min(seconds.rounded(), 1e9))
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return hours > 0
      ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
  }
}
