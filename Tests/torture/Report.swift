import Foundation

/// What was asked for.
struct Options {
  static let usage = """
    usage: torture [--events N] [--faults N] [--seed S] [--mode exactly-once|at-least-once]
                   [--workers N] [--partitions N] [--users N] [--brokers LIST] [--settle SECONDS]
                   [--report FILE] [--without KIND]... [--verbose] --program PATH
    """

  var events = 20_000
  var faults = 20
  var seed: UInt64 = 1
  var mode = "exactly-once"
  var workers = 3
  var partitions = 6
  var users = 2_000
  var brokers: String?
  var settleSeconds = 180
  var report: String?
  /// Parts of the names of faults that are left out.
  var without: [String] = []
  var isVerbose = false
  var program = ""

  init?(_ arguments: [String]) {
    var rest = arguments[...]
    func number(_ least: Int) -> Int? {
      rest.popFirst().flatMap { Int($0) }.flatMap { $0 >= least ? $0 : nil }
    }
    while let name = rest.popFirst() {
      switch name {
      case "--events":
        guard let value = number(1) else { return nil }
        events = value
      case "--faults":
        guard let value = number(0) else { return nil }
        faults = value
      case "--seed":
        guard let value = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
        seed = value
      case "--mode":
        guard let value = rest.popFirst(), ["exactly-once", "at-least-once"].contains(value) else {
          return nil
        }
        mode = value
      case "--workers":
        guard let value = number(1) else { return nil }
        workers = value
      case "--partitions":
        guard let value = number(1) else { return nil }
        partitions = value
      case "--users":
        guard let value = number(1) else { return nil }
        users = value
      case "--settle":
        guard let value = number(1) else { return nil }
        settleSeconds = value
      case "--brokers": brokers = rest.popFirst()
      case "--report": report = rest.popFirst()
      case "--program": program = rest.popFirst() ?? ""
      case "--without":
        guard let value = rest.popFirst() else { return nil }
        without.append(value)
      case "--verbose": isVerbose = true
      default: return nil
      }
    }
    if program.isEmpty { return nil }
  }
}

/// What happened, and what to think of it.
struct Report {
  let options: Options
  let faults: [Trouble: Int]
  /// Faults before which something had been committed since the one before.
  let faultsAtWork: Int
  let starts: Int
  let slowestEndSeconds: Double
  let seconds: Double
  let verdict: Verdict
  let complaints: [String]

  private var rows: [(name: String, value: Any)] {
    [
      ("seed", Int(options.seed)), ("mode", options.mode),
      ("brokers", options.brokers ?? "private"), ("events", options.events),
      ("faults", faults.values.reduce(0, +)), ("faults_at_work", faultsAtWork),
      ("worker_starts", starts),
      ("suggestions", verdict.suggestions), ("dead_letters", verdict.deadLetters),
      ("erasures", verdict.erasures), ("missing", verdict.missing),
      ("repeated", verdict.repeated), ("wrong", verdict.wrong),
      ("of_erased_users", verdict.forgotten),
      ("out_of_order", verdict.misplaced), ("hidden_by_aborts", verdict.aborted),
      ("in_open_transactions", verdict.open), ("sessions", verdict.sessions),
      ("sessions_wrong", verdict.sessionsWrong),
      ("slowest_end_seconds", (slowestEndSeconds * 100).rounded() / 100),
      ("seconds", seconds.rounded()),
    ]
  }

  var text: String {
    let of = faults.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { "  \($0.value) × \($0.key.rawValue)" }
    let head = rows.map {
      "\($0.name.padding(toLength: 22, withPad: " ", startingAt: 0))\($0.value)"
    }
    return (head + of + complaints + verdict.examples).joined(separator: "\n")
  }

  func json() throws -> Data {
    var object = Dictionary(uniqueKeysWithValues: rows)
    object["faults_by_kind"] = Dictionary(
      uniqueKeysWithValues: faults.map { ($0.key.rawValue, $0.value) }
    )
    object["complaints"] = complaints
    object["examples"] = verdict.examples
    return try JSONSerialization.data(
      withJSONObject: object,
      options: [.prettyPrinted, .sortedKeys]
    )
  }
}
