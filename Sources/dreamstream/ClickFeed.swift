import Evaluation
import Events
import Foundation
import Kafka
import Service

/// Clicks on their way into a topic.
struct ClickFeed: ~Copyable {
  private static let lookEveryMs = 100

  private var producer: Producer
  private let topic: String
  private let prefix: String
  private let time: ClickTime
  private let patience: Duration

  /// A feed that gives up once nothing was stored for as long as `patience`.
  init(
    settings: [String: String],
    topic: String,
    prefix: String,
    time: ClickTime,
    patience: Duration
  ) throws(KafkaFailure) {
    producer = try Producer(settings: settings, sendTimeoutMs: Int(patience / .milliseconds(1)))
    self.topic = topic
    self.prefix = prefix
    self.time = time
    self.patience = patience
  }

  /// Clicks that the brokers have stored.
  var stored: Int {
    producer.serve()
    return producer.delivered
  }

  mutating func send(_ click: FileClick, number: Int) throws(KafkaFailure) {
    let timestampMs = time == .file ? click.timestampMs : Worker.wallMs()
    let value = ClickEncoder.encode(
      user: click.user,
      item: click.item,
      timestampMs: timestampMs,
      eventID: "\(prefix)\(number)",
      type: click.type
    )
    try producer.send(topic: topic, key: Array(click.user.utf8), value: value)
  }

  /// Waits until everything is stored, saying now and then how much is.
  func finish(onProgress: (Int) -> Void = { _ in }) throws {
    var last = (stored: producer.delivered, at: ContinuousClock.now)
    while true {
      do throws(KafkaFailure) {
        try producer.flush(timeoutMs: Self.lookEveryMs)
        return onProgress(producer.delivered)
      } catch {
        if error.remedy != .retry { throw error }
        if producer.delivered > last.stored { last = (producer.delivered, .now) }
        if .now - last.at >= patience { throw notStored }
      }
      onProgress(producer.delivered)
    }
  }

  private var notStored: FeedFailure {
    let cause = producer.lastError.map { "; last error: \($0)" } ?? ""
    return FeedFailure(
      description: "gave up: nothing was stored in \(topic) for \(patience), "
        + "\(producer.outstanding) clicks are left\(cause)"
    )
  }
}

/// Why clicks did not get into their topic.
struct FeedFailure: Error, CustomStringConvertible {
  let description: String
}

/// Says on standard error that no broker answers, so that who waits knows for what: librdkafka
/// goes on trying.
///
/// - Returns: Whether somebody answered.
@discardableResult
func sayIfNobodyAnswers(_ settings: [String: String]) throws(KafkaFailure) -> Bool {
  let admin = try Admin(settings: settings)
  do {
    _ = try admin.metadata(timeoutMs: 2_500)
    return true
  } catch {
    let brokers = settings["bootstrap.servers"] ?? ""
    writeToStandardError("no broker answers at \(brokers); still trying (\(error.reason))\n")
    return false
  }
}

/// The partitions of a topic, waited for with patience: the worker may be about to make it.
func partitions(
  of topic: String,
  _ settings: [String: String],
  patience: Duration
) throws -> Set<TopicPartition> {
  let deadline = ContinuousClock.now + patience
  let brokers = settings["bootstrap.servers"] ?? ""
  let admin = try Admin(settings: settings)
  var said = false
  while true {
    let trouble: (what: String, why: String)
    do throws(KafkaFailure) {
      if let count = try admin.metadata(timeoutMs: 2_500).partitions[topic], count > 0 {
        return Set((0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) })
      }
      trouble = ("there is no topic \(topic) at \(brokers)", "")
    } catch {
      if error.remedy == .stop { throw error }
      trouble = ("no broker answers at \(brokers)", " (\(error.reason))")
    }
    let left = deadline - .now
    if left <= .zero {
      throw CommandFailure("gave up after \(patience): \(trouble.what)\(trouble.why)")
    }
    if !said { writeToStandardError("\(trouble.what); still trying\(trouble.why)\n") }
    said = true
    Thread.sleep(forTimeInterval: min(0.5, max(0.01, left / .seconds(1))))
  }
}
