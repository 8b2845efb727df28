internal import Kafka

/// What keeps clicks from coming, as the log and health say it.
package struct KafkaTrouble: Equatable, Sendable {
  /// The code's name as librdkafka writes it.
  package let code: String
  package let reason: String
}

/// Whether the brokers answer, since when they do not, and when to ask them.
///
/// Times are milliseconds of one clock that only grows.
struct KafkaOutage {
  private static let probeEveryMs: Int64 = 2_000
  private static let idleProbeEveryMs: Int64 = 15_000
  private static let unknownTopic = "UNKNOWN_TOPIC_OR_PART"
  private static let makeIt = "make it, or set topics.create to true"

  private let brokers: String
  private(set) var trouble: KafkaTrouble?
  private var failingSinceMs: Int64?
  /// When they last answered, or were asked whether they do.
  private var heardMs: Int64
  private var complaint: KafkaFailure?

  /// Nothing is known of `brokers` yet; `nowMs` counts as their last answer.
  init(brokers: String, nowMs: Int64) {
    self.brokers = brokers
    heardMs = nowMs
  }

  /// The brokers answered, with clicks or without.
  ///
  /// - Parameters:
  ///   - nowMs: When they did.
  ///   - missing: Topics to read that they do not have.
  mutating func answered(nowMs: Int64, missing: [String] = []) {
    heardMs = nowMs
    failingSinceMs = nil
    trouble =
      missing.isEmpty
      ? nil
      : KafkaTrouble(
        code: Self.unknownTopic,
        reason: "\(brokers): there is no topic \(missing.joined(separator: ", ")); \(Self.makeIt)"
      )
  }

  /// Takes note of a failure.
  ///
  /// - Returns: Milliseconds since the first failure in a row: silence before it may have been that
  ///   of a topic.
  mutating func failed(_ failure: KafkaFailure, nowMs: Int64) -> Int64 {
    let advice = failure.code == Self.unknownTopic ? "; \(Self.makeIt)" : ""
    trouble = KafkaTrouble(code: failure.code, reason: "\(brokers): \(failure)\(advice)")
    let since = failingSinceMs ?? nowMs
    failingSinceMs = since
    return nowMs - since
  }

  /// Asked when nothing came.
  ///
  /// - Parameters:
  ///   - nowMs: The time.
  ///   - complaint: The last trouble that librdkafka had; it does not say when that is over.
  /// - Returns: Whether to ask the brokers now.
  mutating func mayProbe(nowMs: Int64, complaint: KafkaFailure?) -> Bool {
    let isNew = complaint != nil && complaint != self.complaint
    self.complaint = complaint
    let everyMs = trouble == nil ? Self.idleProbeEveryMs : Self.probeEveryMs
    guard isNew || nowMs - heardMs >= everyMs else { return false }
    heardMs = nowMs
    return true
  }
}
