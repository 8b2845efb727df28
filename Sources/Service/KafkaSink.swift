internal import Events
package import Kafka
package import Pipeline

/// Suggestions and dead letters to topics, through one idempotent producer.
///
/// Made and used on one thread.
package final class KafkaSink: MessageSink {
  private static let flushTimeoutMs = 1_000
  private static let largeBytes = 900_000
  private static let tooLarge: Set = ["MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE"]

  private var producer: Producer
  private let suggestions: String
  private let deadLetters: String
  /// The brokers take less than the producer does: large dead letters go without their value.
  private var brokersRefuseLarge = false

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
    let isLargeLetter =
      message.destination == .deadLetters && message.value?.count ?? 0 > Self.largeBytes
    if brokersRefuseLarge, isLargeLetter { return try sendWithoutValue(message) }
    do throws(KafkaFailure) {
      try hand(message)
    } catch {
      guard message.destination == .deadLetters, message.value != nil,
        Self.tooLarge.contains(error.code)
      else { throw PipelineFailure(error) }
      try sendWithoutValue(message)
    }
  }

  package func flush() throws(PipelineFailure) {
    do throws(KafkaFailure) {
      try producer.flush(timeoutMs: Self.flushTimeoutMs)
    } catch {
      if Self.tooLarge.contains(error.code), !brokersRefuseLarge {
        brokersRefuseLarge = true
        throw PipelineFailure(remedy: .again, dependency: .kafka, reason: error.description)
      }
      throw PipelineFailure(error)
    }
  }

  /// A dead letter that its topic has no room for still says where its message lies.
  private func sendWithoutValue(_ letter: Message) throws(PipelineFailure) {
    var rest = letter
    rest.value = nil
    rest.headers.append(Header(DeadLetter.omitted, "\(letter.value?.count ?? 0) bytes"))
    do throws(KafkaFailure) { try hand(rest) } catch { throw PipelineFailure(error) }
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
