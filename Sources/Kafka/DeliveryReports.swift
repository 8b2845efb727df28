import CRdkafka

/// Counts what became of the messages sent.
///
/// The callback runs inside `rd_kafka_poll` and `rd_kafka_flush`, on the thread that called them.
final class DeliveryReports: Bridge {
  private(set) var delivered = 0
  private(set) var failed = 0
  /// The first failure since one was last taken, or the first that is beyond cure.
  private var first: KafkaFailure?

  static let callback:
    @convention(c) (
      OpaquePointer?, UnsafePointer<rd_kafka_message_t>?, UnsafeMutableRawPointer?
    ) -> Void = { _, message, opaque in
      guard let message = unsafe message, let opaque = unsafe opaque else { return }
      let reports = unsafe Unmanaged<DeliveryReports>.fromOpaque(opaque).takeUnretainedValue()
      let code = unsafe message.pointee.err
      if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        reports.delivered += 1
        return
      }
      let topic = unsafe String(cString: rd_kafka_topic_name(message.pointee.rkt))
      unsafe reports.fail(
        code,
        TopicPartition(topic: topic, partition: message.pointee.partition)
      )
    }

  /// Which message it was is not known to whoever flushes: what cannot be cured by sending all of
  /// them again needs somebody to act.
  private func fail(_ code: rd_kafka_resp_err_t, _ place: TopicPartition) {
    failed += 1
    let remedy = KafkaFailure.Remedy(code)
    let again = remedy == .retry || remedy == .rewind
    if first == nil || (first?.remedy == .rewind && !again) {
      first = KafkaFailure(code, remedy: again ? .rewind : .stop)
        .of(topic: place.topic)
        .adding("a message to \(place) was not stored")
    }
  }

  /// What went wrong since the last call, if anything did.
  func takeFailure() -> KafkaFailure? {
    defer { first = nil }
    return first
  }
}
