import CRdkafka

/// A topic to be made.
package struct NewTopic: Equatable, Sendable {
  package let name: String
  package let partitions: Int
  /// Copies of each partition; `nil` leaves it to the broker.
  package let replication: Int?
  /// Settings of the topic, such as `cleanup.policy`.
  package let config: [String: String]

  package init(
    name: String,
    partitions: Int,
    replication: Int? = nil,
    config: [String: String] = [:]
  ) {
    self.name = name
    self.partitions = partitions
    self.replication = replication
    self.config = config
  }
}

/// What the brokers say about themselves.
package struct ClusterMetadata: Equatable, Sendable {
  /// `host:port` of every broker.
  package let brokers: [String]
  /// How many partitions each topic has.
  package let partitions: [String: Int]
}

/// Looks at a cluster, and makes topics.
@safe
package struct Admin: ~Copyable {
  private let client: Client

  /// Makes a client for administration; only `bootstrap.servers` and security settings matter to
  /// it.
  package init(settings: [String: String], log: KafkaLog? = nil) throws(KafkaFailure) {
    client = try Client(settings, role: .admin, bridge: Bridge(log: log))
  }

  /// Asks for all brokers and topics; an answer proves that the cluster can be reached.
  package borrowing func metadata(timeoutMs: Int) throws(KafkaFailure) -> ClusterMetadata {
    var answer: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(client.raw, 1, nil, &answer, timeout(ms: timeoutMs))
    do throws(KafkaFailure) {
      try client.check(code, "asking the cluster for its topics")
    } catch {
      throw client.explained(error)
    }
    guard let answer = unsafe answer else {
      return ClusterMetadata(brokers: [], partitions: [:])
    }
    defer { unsafe rd_kafka_metadata_destroy(answer) }

    let brokers = unsafe (0..<Int(answer.pointee.broker_cnt)).map { index in
      let broker = unsafe answer.pointee.brokers[index]
      return unsafe "\(String(cString: broker.host)):\(broker.port)"
    }
    var partitions: [String: Int] = [:]
    for index in unsafe 0..<Int(answer.pointee.topic_cnt) {
      let topic = unsafe answer.pointee.topics[index]
      if unsafe topic.err != RD_KAFKA_RESP_ERR_NO_ERROR { continue }
      unsafe partitions[String(cString: topic.topic)] = Int(topic.partition_cnt)
    }
    return ClusterMetadata(brokers: brokers, partitions: partitions)
  }

  /// Makes topics and returns once the cluster has them; one that exists is left as it is.
  ///
  /// - Throws: The first refusal, naming the topic; topics beside it may have been made.
  package borrowing func createTopics(
    _ topics: [NewTopic],
    timeoutMs: Int
  ) throws(KafkaFailure) {
    if topics.isEmpty { return }
    var requests = unsafe [OpaquePointer?]()
    defer {
      unsafe requests.withUnsafeMutableBufferPointer {
        unsafe rd_kafka_NewTopic_destroy_array($0.baseAddress, $0.count)
      }
    }
    for topic in topics { unsafe requests.append(try request(topic)) }

    let options = unsafe rd_kafka_AdminOptions_new(client.raw, RD_KAFKA_ADMIN_OP_CREATETOPICS)
    defer { unsafe rd_kafka_AdminOptions_destroy(options) }
    let waitMs = max(1, timeout(ms: timeoutMs))
    _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, waitMs, nil, 0)
    _ = unsafe rd_kafka_AdminOptions_set_operation_timeout(options, waitMs, nil, 0)
    let queue = unsafe rd_kafka_queue_new(client.raw)
    defer { unsafe rd_kafka_queue_destroy(queue) }

    unsafe requests.withUnsafeMutableBufferPointer {
      unsafe rd_kafka_CreateTopics(client.raw, $0.baseAddress, $0.count, options, queue)
    }
    // librdkafka answers by itself when the request times out; the margin lets it be the one.
    guard let event = unsafe rd_kafka_queue_poll(queue, timeout(ms: Int(waitMs) + 1_000)) else {
      throw KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT).adding("making topics")
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    try client.check(unsafe rd_kafka_event_error(event), "making topics")
    try unsafe checkResults(of: event)
  }

  @unsafe
  private borrowing func checkResults(of event: OpaquePointer) throws(KafkaFailure) {
    var count = 0
    let answer = unsafe rd_kafka_event_CreateTopics_result(event)
    guard let results = unsafe rd_kafka_CreateTopics_result_topics(answer, &count) else { return }
    for index in 0..<count {
      let result = unsafe results[index]
      let code = unsafe rd_kafka_topic_result_error(result)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS {
        continue
      }
      let reason = unsafe rd_kafka_topic_result_error_string(result).map {
        unsafe String(cString: $0)
      }
      let name = unsafe String(cString: rd_kafka_topic_result_name(result))
      throw KafkaFailure(code, reason: reason).adding("making topic \(name)")
    }
  }

  /// A topic in C's form; the caller destroys it.
  @unsafe
  private borrowing func request(_ topic: NewTopic) throws(KafkaFailure) -> OpaquePointer? {
    let (request, reason) = unsafe withUnsafeTemporaryAllocation(
      of: CChar.self,
      capacity: 512
    ) { text in
      unsafe text.initialize(repeating: 0)
      let request = unsafe rd_kafka_NewTopic_new(
        topic.name,
        Int32(clamping: topic.partitions),
        Int32(clamping: topic.replication ?? -1),
        text.baseAddress,
        text.count
      )
      return unsafe (request, string(text))
    }
    guard let request = unsafe request else {
      throw KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, reason: reason)
        .adding("making topic \(topic.name)")
    }
    for (key, value) in topic.config {
      _ = unsafe rd_kafka_NewTopic_set_config(request, key, value)
    }
    return unsafe request
  }
}
