import CRdkafka

/// A member of a consumer group, or a reader outside it.
///
/// Made, used and let go on one thread. Messages are taken in batches, and offsets are committed by
/// the caller once their messages are done with, never by librdkafka. Letting go leaves the
/// group, and stops librdkafka's threads.
@safe
package struct Consumer: ~Copyable {
  let client: Client
  let bridge: RebalanceBridge

  /// Makes a consumer of the group that `group.id` names; it joins when it subscribes, and not when
  /// it is assigned partitions.
  package init(
    settings: [String: String],
    holdsArrivals: Bool = false,
    log: KafkaLog? = nil
  ) throws(KafkaFailure) {
    let bridge = RebalanceBridge(holdsArrivals: holdsArrivals, log: log)
    let client = try Client(settings, role: .consumer, bridge: bridge)
    _ = unsafe rd_kafka_poll_set_consumer(client.raw)
    self.bridge = bridge
    self.client = client
  }

  deinit {
    if unsafe rd_kafka_consumer_closed(client.raw) == 0 {
      _ = unsafe rd_kafka_consumer_close(client.raw)
    }
  }

  /// Joins the group for `topics`; a name that starts with `^` is a regular expression.
  package borrowing func subscribe(to topics: [String]) throws(KafkaFailure) {
    let list = PartitionList(
      topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) }
    )
    try client.check(
      unsafe rd_kafka_subscribe(client.raw, list.raw),
      "subscribing to \(topics.joined(separator: ", "))"
    )
  }

  /// Reads partitions from these offsets, outside the group: at once, and for this consumer alone.
  ///
  /// No partition comes or goes by itself then, and none is held back.
  package borrowing func assign(_ starts: [TopicPartition: Int64]) throws(KafkaFailure) {
    let list = PartitionList(starts)
    try client.check(unsafe rd_kafka_assign(client.raw, list.raw), "assigning partitions")
    bridge.assigned(Set(starts.keys))
  }

  /// Takes up to `max` messages.
  ///
  /// Waits up to `firstWaitMs` for the first, then up to `lingerMs` for company. Partitions come
  /// and go in here; messages of a partition that went away meanwhile are left out. Ends of
  /// partitions are only remembered, for ``progress()``.
  ///
  /// - Throws: What librdkafka reports instead of a message. If some messages were taken before it,
  ///   these are returned, and the next call throws.
  package borrowing func poll(
    max: Int,
    firstWaitMs: Int,
    lingerMs: Int
  ) throws(KafkaFailure) -> [Delivery] {
    if let failure = takePending() { throw failure }
    var topics = TopicNames()
    var batch: [Delivery] = []
    var deadline = now() + milliseconds(firstWaitMs)

    while batch.count < max {
      let message = unsafe next(until: deadline)
      if !bridge.revoked.isEmpty {
        batch.removeAll { bridge.revoked.contains($0.topicPartition) }
        bridge.revoked = []
      }
      guard let message = unsafe message else { break }
      defer { unsafe rd_kafka_message_destroy(message) }

      let code = unsafe message.pointee.err
      if code == RD_KAFKA_RESP_ERR__PARTITION_EOF {
        let topic = unsafe topics[message.pointee.rkt]
        let partition = unsafe TopicPartition(topic: topic, partition: message.pointee.partition)
        unsafe bridge.reached[partition] = message.pointee.offset
        continue
      }
      if code != RD_KAFKA_RESP_ERR_NO_ERROR {
        bridge.pending = unsafe failure(message, code)
        break
      }
      if batch.isEmpty { deadline = now() + milliseconds(lingerMs) }
      batch.append(unsafe Delivery(copying: message, topic: topics[message.pointee.rkt]))
    }
    if batch.isEmpty, let failure = takePending() { throw failure }
    return batch
  }

  /// The next message, or nothing by `deadline`; what is already here is taken without a wait.
  @unsafe
  private borrowing func next(
    until deadline: ContinuousClock.Instant
  ) -> UnsafeMutablePointer<rd_kafka_message_t>? {
    if let message = unsafe rd_kafka_consumer_poll(client.raw, 0) { return unsafe message }
    let remaining = deadline - now()
    if remaining <= .zero { return nil }
    let ms = remaining / .milliseconds(1)
    return unsafe rd_kafka_consumer_poll(client.raw, timeout(ms: Int(ms.rounded(.up))))
  }

  @unsafe
  private borrowing func failure(
    _ message: UnsafePointer<rd_kafka_message_t>,
    _ code: rd_kafka_resp_err_t
  ) -> KafkaFailure {
    if code == RD_KAFKA_RESP_ERR__FATAL { return client.failure(code) }
    let text = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) }
    return KafkaFailure(code, reason: text)
  }

  private borrowing func takePending() -> KafkaFailure? {
    defer { bridge.pending = nil }
    return bridge.pending
  }

  private borrowing func now() -> ContinuousClock.Instant { .now }
  private borrowing func milliseconds(_ value: Int) -> Duration {
    .milliseconds(Swift.max(0, value))
  }
}

/// Names of the topics seen in one poll; nearly always one, so a single memory is enough.
@safe
private struct TopicNames {
  private var topic: OpaquePointer?
  private var name = ""

  subscript(_ topic: OpaquePointer?) -> String {
    mutating get {
      if unsafe topic != self.topic {
        unsafe self.topic = topic
        name = unsafe String(cString: rd_kafka_topic_name(topic))
      }
      return name
    }
  }
}
