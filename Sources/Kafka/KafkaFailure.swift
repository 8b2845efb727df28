import CRdkafka

/// Why a call into Kafka failed, and what the caller may do next.
package struct KafkaFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Remedy: String, Equatable, Sendable {
    /// The same call may work later: librdkafka reconnects and retries by itself.
    case retry
    /// What was done since the last commit did not stick: go back there and do it again.
    case rewind
    /// This message can never be stored: set it aside and go on.
    case skip
    /// Somebody has to act on the reason first.
    case stop
  }

  package let remedy: Remedy
  /// The code's name as librdkafka writes it: `_TIMED_OUT`, `UNKNOWN_TOPIC_OR_PART`.
  package let code: String
  package let reason: String
  /// The topic whose message was not stored, where it is about one.
  package let topic: String?

  package var description: String { "\(reason) (\(code))" }

  init(_ code: rd_kafka_resp_err_t, remedy: Remedy? = nil, reason: String? = nil) {
    self.remedy = remedy ?? Remedy(code)
    self.code = unsafe String(cString: rd_kafka_err2name(code))
    self.reason = unsafe reason ?? String(cString: rd_kafka_err2str(code))
    topic = nil
  }

  /// Takes over an error object: reads it, and destroys it once.
  @unsafe
  init(consuming error: OpaquePointer) {
    defer { unsafe rd_kafka_error_destroy(error) }

    unsafe self.init(
      rd_kafka_error_code(error),
      remedy: rd_kafka_error_is_fatal(error) != 0 ? .stop : nil,
      reason: String(cString: rd_kafka_error_string(error)),
    )
  }

  /// The same failure, saying what was being done when it came.
  func adding(_ context: String) -> Self {
    Self(remedy: remedy, code: code, reason: "\(context): \(reason)", topic: topic)
  }

  /// The same failure, with what librdkafka complained of by itself.
  func adding(cause: KafkaFailure) -> Self {
    Self(remedy: remedy, code: code, reason: "\(reason); last error: \(cause.reason)", topic: topic)
  }

  /// The same failure, with another way out.
  func with(remedy: Remedy) -> Self {
    Self(remedy: remedy, code: code, reason: reason, topic: topic)
  }

  /// The same failure, of a message to a topic.
  func of(topic: String) -> Self { Self(remedy: remedy, code: code, reason: reason, topic: topic) }

  private init(remedy: Remedy, code: String, reason: String, topic: String?) {
    self.remedy = remedy
    self.code = code
    self.reason = reason
    self.topic = topic
  }
}

extension KafkaFailure.Remedy {
  /// What a code calls for; an unknown one is worth another try, for as long as the caller has
  /// patience.
  init(_ code: rd_kafka_resp_err_t) {
    switch code {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
      RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
      RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__PURGE_QUEUE,
      RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      self = .rewind
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
      RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
      RD_KAFKA_RESP_ERR_INVALID_RECORD:
      self = .skip
    case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED,
      RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
      RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, RD_KAFKA_RESP_ERR__AUTHENTICATION,
      RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
      RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
      RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, RD_KAFKA_RESP_ERR_INVALID_CONFIG,
      RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
      RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
      RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      self = .stop
    default:
      self = .retry
    }
  }
}
