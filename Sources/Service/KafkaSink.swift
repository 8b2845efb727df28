package import Events
package import Kafka
package import Pipeline

/// Suggestions and dead letters to topics, through one idempotent producer: at least once.
///
/// Made and used on one thread.
package final class KafkaSink: MessageSink {
  private static let flushTimeoutMs = 1_000

  private var producer: Producer
  private var topics: OutgoingTopics

  package var isTransactional: Bool { false }

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
    topics = OutgoingTopics(suggestions: suggestions, deadLetters: deadLetters)
  }

  package func send(_ message: Message) throws(PipelineFailure) {
    do throws(KafkaFailure) { try topics.send(message, by: &producer) } catch {
      throw PipelineFailure(error)
    }
  }

  /// Sees every message stored, and only then says that the batch is done.
  package func commit(
    next: [Position],
    from source: inout some ClickSource
  ) throws(PipelineFailure) {
    try flush()
    try source.commit(next: next)
  }

  /// What is on its way cannot be taken back: it comes twice, the same to the byte.
  package func abandon() throws(PipelineFailure) {}

  func flush() throws(PipelineFailure) {
    do throws(KafkaFailure) {
      try producer.flush(timeoutMs: Self.flushTimeoutMs)
      topics.settled()
    } catch {
      if error.remedy == .retry || !topics.learn(from: error) { throw PipelineFailure(error) }
      throw PipelineFailure(remedy: .again, dependency: .kafka, reason: error.description)
    }
  }
}
