internal import Logging

/// What the log says of a group that is being joined, and of brokers that do not answer.
struct GroupWatch {
  /// A line of the log.
  struct Line: Equatable {
    let level: Logger.Level
    let message: String
    var details: [String: String] = [:]
  }

  private static let sayEveryMs: Int64 = 5_000
  /// After the first minute: a group may have more members than partitions for good.
  private static let laterEveryMs: Int64 = 60_000

  private var waitingSinceMs: Int64
  private var saidMs: Int64
  /// Codes of the trouble there is that the log has told of.
  private var told: Set<String> = []

  /// A watch over a group that is being joined from `nowMs` on.
  init(nowMs: Int64) {
    waitingSinceMs = nowMs
    saidMs = nowMs
  }

  /// Takes a look, now and then.
  ///
  /// - Parameters:
  ///   - partitions: How many are ours.
  ///   - trouble: What keeps clicks from coming.
  ///   - nowMs: The time, on a clock that only grows.
  /// - Returns: What is new.
  mutating func look(partitions: Int, trouble: KafkaTrouble?, nowMs: Int64) -> [Line] {
    var lines: [Line] = []
    if let trouble {
      if told.insert(trouble.code).inserted {
        let details = ["reason": trouble.reason]
        lines.append(Line(level: .warning, message: "kafka: no clicks can come", details: details))
      }
    } else if !told.isEmpty {
      told = []
      lines.append(Line(level: .notice, message: "kafka answers again"))
    }
    if partitions > 0 {
      waitingSinceMs = nowMs
      saidMs = nowMs
      return lines
    }
    let waitedMs = nowMs - waitingSinceMs
    let everyMs = waitedMs <= Self.laterEveryMs ? Self.sayEveryMs : Self.laterEveryMs
    if nowMs - saidMs >= everyMs {
      saidMs = nowMs
      var line = Line(level: .info, message: "waiting for partitions")
      line.details["seconds"] = "\(waitedMs / 1_000)"
      line.details["trouble"] = trouble?.reason
      lines.append(line)
    }
    return lines
  }
}
