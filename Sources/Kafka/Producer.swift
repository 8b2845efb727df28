import CRdkafka

/// Sends messages, and knows of each whether it was stored.
///
/// Idempotent unless the settings say otherwise: a message whose acknowledgement was lost is sent
/// again and stored once. Made, used and let go on one thread. Letting go drops what was not
/// flushed.
@safe
package struct Producer: ~Copyable {
  /// Delivery reports are served every so many messages: rarely enough to cost nothing.
  private static let sendsBetweenPolls = 256
  private static let purgedReportsMs: Int32 = 100

  let client: Client
  let reports: DeliveryReports
  private let sendTimeoutMs: Int
  private var sent = 0

  /// Makes a producer, whose sends wait up to `sendTimeoutMs` for room in the queue.
  ///
  /// `queue.buffering.max.messages` and `queue.buffering.max.kbytes` say how much room there is.
  package init(
    settings: [String: String],
    sendTimeoutMs: Int = 5_000,
    log: KafkaLog? = nil
  ) throws(KafkaFailure) {
    let reports = DeliveryReports(log: log)
    let client = try Client(settings, role: .producer, bridge: reports)
    self.reports = reports
    self.client = client
    self.sendTimeoutMs = sendTimeoutMs
  }

  deinit {
    // A librdkafka that is let go with messages in flight waits for them; purged ones only have to
    // be reported.
    _ = unsafe rd_kafka_purge(client.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    _ = unsafe rd_kafka_flush(client.raw, Self.purgedReportsMs)
  }

  /// Messages handed over and not yet reported on.
  package var outstanding: Int { sent - reports.delivered - reports.failed }

  /// Messages stored, of all that were ever sent.
  package var delivered: Int { reports.delivered }

  /// The last trouble librdkafka reported by itself, such as a refused connection.
  package var lastError: KafkaFailure? { reports.lastError }

  /// Takes in what the brokers have said since, as sends and flushes do by themselves.
  package borrowing func serve() { _ = unsafe rd_kafka_poll(client.raw, 0) }

  /// Hands a message over, copied; it is on its way when this returns, and stored after a flush.
  ///
  /// The key's hash chooses the partition unless one is given; a `nil` value is a tombstone; the
  /// timestamp, in milliseconds since the Unix epoch, is now if `nil` or 0. A full queue is waited
  /// out: that is how a slow broker holds back a fast caller.
  ///
  /// - Throws: `retry` if the queue stayed full, `skip` if the message can never be stored.
  package mutating func send(
    topic: String,
    partition: Int32? = nil,
    key: [UInt8]?,
    value: [UInt8]?,
    headers: [KafkaHeader] = [],
    timestampMs: Int64? = nil
  ) throws(KafkaFailure) {
    if sent.isMultiple(of: Self.sendsBetweenPolls) { _ = unsafe rd_kafka_poll(client.raw, 0) }
    let message = OutgoingMessage(
      topic: topic,
      partition: partition,
      key: key,
      value: value,
      headers: headers,
      timestampMs: timestampMs,
    )
    let deadline = ContinuousClock.now + .milliseconds(sendTimeoutMs)
    while let error = unsafe message.produce(on: client.raw) {
      let failure = unsafe KafkaFailure(consuming: error)
      if failure.remedy == .stop, let fatal = client.fatalFailure() { throw fatal }
      guard failure.code == "_QUEUE_FULL" else { throw failure.adding("sending to \(topic)") }
      if .now >= deadline {
        let reason = "sending to \(topic): the queue stayed full for \(sendTimeoutMs) ms\(cause)"
        throw KafkaFailure(RD_KAFKA_RESP_ERR__QUEUE_FULL, reason: reason)
      }
      _ = unsafe rd_kafka_poll(client.raw, 10)
    }
    sent += 1
  }

  /// Returns once every message sent so far is stored.
  ///
  /// - Throws: `retry` if some are still on their way after `timeoutMs`: flush again, do not send
  ///   again. Otherwise the first failure since the last flush: `rewind` if messages were given up
  ///   and may be sent anew, `stop` if the broker refuses them, or this producer.
  package borrowing func flush(timeoutMs: Int) throws(KafkaFailure) {
    let code = unsafe rd_kafka_flush(client.raw, timeout(ms: timeoutMs))
    if let fatal = client.fatalFailure() { throw fatal }
    if outstanding > 0 {
      throw KafkaFailure(
        RD_KAFKA_RESP_ERR__TIMED_OUT,
        reason: "\(outstanding) messages not stored after \(timeoutMs) ms" + cause,
      )
    }
    if let failure = reports.takeFailure() { throw failure }
    try client.check(code, "flushing")
  }

  private var cause: String { reports.lastError.map { "; last error: \($0.reason)" } ?? "" }
}
