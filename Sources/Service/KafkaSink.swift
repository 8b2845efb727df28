internal import Events
package import Kafka
package import Pipeline

/// Suggestions and dead letters to topics, through one idempotent producer.
///
/// Made and used on one thread.
package final class KafkaSink: MessageSink {
  private static let flushTimeoutMs = 1_000
  private static let tooLarge: Set = ["MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE"]

  private var producer: Producer
  private let suggestions: String
  private let deadLetters: String
  /// Bytes of a dead letter; the brokers have refused what is larger, or half as large.
  private var letterLimit = Int.max
  /// Bytes of the largest dead letter since the last flush that could have been cut down.
  private var largest = 0

  package init(
    properties: [String: String],
    suggestions: String,
    deadLetters: String,
    log: KafkaLog?
  ) throws(PipelineFailure) {
    do throws(KafkaFailure) {
      producer = try Producer(settings: properties, log: log)
    } catch {
      throw PipelineFailure(error)
    }
    self.suggestions = suggestions
    self.deadLetters = deadLetters
  }

  package func send(_ message: Message) throws(PipelineFailure) {
    var message = message
    while true {
      let shorter = message.destination == .deadLetters ? message.shorter : nil
      if let shorter, message.size > letterLimit {
        message = shorter
        continue
      }
      do throws(KafkaFailure) {
        try hand(message)
        if shorter != nil { largest = max(largest, message.size) }
        return
      } catch {
        guard let shorter, Self.tooLarge.contains(error.code) else { throw PipelineFailure(error) }
        message = shorter
      }
    }
  }

  package func flush() throws(PipelineFailure) {
    do throws(KafkaFailure) {
      try producer.flush(timeoutMs: Self.flushTimeoutMs)
      largest = 0
    } catch {
      if error.remedy == .retry { throw PipelineFailure(error) }
      defer { largest = 0 }
      // How much the topic takes is not said: what goes there is cut down until it fits.
      let isLetter = error.topic == deadLetters && largest > 0
      guard isLetter, Self.tooLarge.contains(error.code) else { throw PipelineFailure(error) }
      letterLimit = largest / 2
      throw PipelineFailure(remedy: .again, dependency: .kafka, reason: error.description)
    }
  }

  private func hand(_ message: Message) throws(KafkaFailure) {
    try producer.send(
      topic: message.destination == .suggestions ? suggestions : deadLetters,
      key: message.key,
      value: message.value,
      headers: message.headers.map { KafkaHeader(name: $0.name, value: $0.value) },
    )
  }
}

extension Message {
  fileprivate var size: Int {
    headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) {
      $0 + $1.name.utf8.count + ($1.value?.count ?? 0)
    }
  }

  /// A dead letter without its value, then without the key and the headers of its message.
  ///
  /// What is left still says where that lies; `nil` when nothing more can go.
  fileprivate var shorter: Message? {
    var rest = self
    if let value {
      rest.value = nil
      rest.headers.append(Header(DeadLetter.omitted, "\(value.count) bytes"))
      return rest
    }
    rest.key = nil
    rest.headers.removeAll { !$0.name.hasPrefix(DeadLetter.prefix) }
    if rest == self { return nil }
    rest.headers.append(Header(DeadLetter.omittedKey, "\(key?.count ?? 0) bytes"))
    return rest
  }
}
