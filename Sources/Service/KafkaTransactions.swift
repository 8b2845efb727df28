package import Events
package import Kafka
package import Pipeline

/// Transactions of Kafka, as ``TransactionalSink`` wants them.
///
/// Made and used on one thread.
package final class KafkaTransactions: TransactionalProducer {
  private let timeoutMs: Int
  private var producer: Producer
  private var topics: OutgoingTopics

  /// Becomes the only producer of its name.
  ///
  /// Each step may take up to `timeoutMs`; the first, which connects, up to `firstTimeoutMs`.
  package init(
    properties: [String: String],
    suggestions: String,
    deadLetters: String,
    timeoutMs: Int,
    firstTimeoutMs: Int,
    log: KafkaLog?
  ) throws(TransactionFailure) {
    self.timeoutMs = timeoutMs
    topics = OutgoingTopics(suggestions: suggestions, deadLetters: deadLetters)
    do throws(KafkaFailure) {
      let producer = try Producer(settings: properties, sendTimeoutMs: timeoutMs, log: log)
      try producer.initTransactions(timeoutMs: firstTimeoutMs)
      self.producer = producer
    } catch {
      let brokers = properties["bootstrap.servers"] ?? ""
      throw TransactionFailure(error, "beginning as a producer of transactions at \(brokers)")
    }
  }

  package func begin() throws(TransactionFailure) {
    do throws(KafkaFailure) { try producer.beginTransaction() } catch {
      throw TransactionFailure(error, "beginning a transaction")
    }
  }

  package func send(_ message: Message) throws(TransactionFailure) {
    do throws(KafkaFailure) { try topics.send(message, by: &producer) } catch {
      // A transaction in which a message failed takes nothing more.
      if error.code == "_STATE" { throw failure(producer.takeFailure() ?? error, "sending") }
      throw TransactionFailure(error, "sending in a transaction")
    }
  }

  package func commit(
    next: [Position],
    for member: Membership
  ) throws(TransactionFailure) {
    let offsets = TopicPartition.offsets(next, uniquingWith: max)
    do throws(KafkaFailure) {
      try producer.sendOffsets(offsets, of: GroupMember(member), timeoutMs: timeoutMs)
    } catch {
      // Late, they would count with this producer's next transaction: another one shuts them out.
      throw failure(error, "adding offsets to a transaction", unknown: .renew)
    }
    do throws(KafkaFailure) {
      try producer.commitTransaction(timeoutMs: timeoutMs)
      topics.settled()
    } catch {
      throw failure(error, "committing a transaction", unknown: .renew)
    }
  }

  package func abort() throws(TransactionFailure) {
    do throws(KafkaFailure) { try producer.abortTransaction(timeoutMs: timeoutMs) } catch {
      var failure = TransactionFailure(error, "aborting a transaction")
      // Whatever else came of it, another producer settles; who was fenced must not make one.
      if failure.remedy != .fenced { failure.remedy = .renew }
      throw failure
    }
  }
}

extension KafkaTransactions {
  /// A failure before the transaction's end: it can still be aborted, unless no other would do.
  ///
  /// - Parameters:
  ///   - failure: What librdkafka says.
  ///   - context: What was being done.
  ///   - unknown: What to do if it may have been done all the same.
  /// - Returns: What to throw.
  private func failure(
    _ failure: KafkaFailure,
    _ context: String,
    unknown: TransactionFailure.Remedy = .abort
  ) -> TransactionFailure {
    var result = TransactionFailure(failure, context)
    if result.remedy == .retry {
      result.remedy = unknown
    } else if failure.code == "_STATE" || topics.learn(from: failure) {
      result.remedy = .abort
    }
    return result
  }
}

extension TransactionFailure {
  fileprivate init(_ failure: KafkaFailure, _ context: String) {
    let remedy: Remedy =
      if failure.isFenced {
        .fenced
      } else if failure.isProducerOver {
        .renew
      } else {
        switch failure.remedy {
        case .retry: .retry
        case .rewind: .abort
        case .skip, .stop: .stop
        }
      }
    self.init(remedy: remedy, reason: "\(context): \(failure)")
  }
}
