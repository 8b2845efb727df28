import CRdkafka

/// Carries librdkafka's rebalance callback to Swift, and remembers what it decided.
///
/// The callback runs inside `rd_kafka_consumer_poll` and `rd_kafka_consumer_close`, on the thread
/// that called them, and nowhere else: no lock is needed.
final class RebalanceBridge: Bridge {
  /// Whether partitions that come deliver nothing before ``Consumer/admit(_:timeoutMs:)``.
  private let holdsArrivals: Bool
  /// Partitions of ours that are held back.
  var arrived: Set<TopicPartition> = []
  private(set) var assignment: Set<TopicPartition> = []
  private(set) var epoch = 0
  /// Partitions that went away during this poll, whose messages must not be handed out any more.
  var revoked: Set<TopicPartition> = []
  /// The ends that were come to: no message need stand right before them.
  var reached: [TopicPartition: Int64] = [:]
  /// What the brokers said of partitions from which nothing came.
  var asked: [TopicPartition: (start: Int64, end: Int64)] = [:]
  /// What is to be thrown once the messages that came before it are taken.
  var pending: KafkaFailure?
  /// New partitions start as the old ones are: paused, while the caller cannot take messages.
  var isPaused = false
  private var isCooperative = false
  /// How far joining the group is, as librdkafka's statistics have it.
  private(set) var joinState: String?

  init(holdsArrivals: Bool, log: KafkaLog?) {
    self.holdsArrivals = holdsArrivals
    super.init(log: log)
  }

  static let callback:
    @convention(c) (
      OpaquePointer?, rd_kafka_resp_err_t,
      UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, UnsafeMutableRawPointer?
    ) -> Void = { client, event, list, opaque in
      guard let client = unsafe client, let list = unsafe list, let opaque = unsafe opaque else {
        return
      }
      let bridge = unsafe Unmanaged<RebalanceBridge>.fromOpaque(opaque).takeUnretainedValue()
      if event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
        unsafe bridge.assign(list, to: client)
      } else {
        unsafe bridge.revoke(list, from: client)
      }
    }

  static let statisticsCallback:
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<CChar>?, Int, UnsafeMutableRawPointer?
    ) -> Int32 = { _, json, size, opaque in
      guard let json = unsafe json, let opaque = unsafe opaque else { return 0 }
      let bridge = unsafe Unmanaged<RebalanceBridge>.fromOpaque(opaque).takeUnretainedValue()
      let text = unsafe UnsafeRawBufferPointer(start: json, count: size)
      bridge.joinState = unsafe RebalanceBridge.joinState(in: text)
      // librdkafka frees its text.
      return 0
    }

  /// The value of the one member of that name; it is made of letters and dashes.
  static func joinState(in statistics: some Collection<UInt8>) -> String? {
    guard let name = statistics.firstRange(of: Array("\"join_state\":".utf8)) else { return nil }
    let value = statistics[name.upperBound...].drop { $0 == UInt8(ascii: " ") }
    guard value.first == UInt8(ascii: "\"") else { return nil }
    return String(decoding: value.dropFirst().prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
  }

  /// Partitions are ours without the group.
  func assigned(_ partitions: Set<TopicPartition>) {
    epoch += 1
    assignment = partitions
  }

  @unsafe
  private func assign(
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>,
    to client: OpaquePointer
  ) {
    // Asked here and remembered: asking while the consumer closes could block in old versions.
    isCooperative = unsafe String(cString: rd_kafka_rebalance_protocol(client)) == "COOPERATIVE"
    let added = unsafe partitions(in: list)
    epoch += 1
    assignment.formUnion(added)
    if holdsArrivals { arrived.formUnion(added) }
    if isCooperative {
      unsafe note(rd_kafka_incremental_assign(client, list))
    } else {
      unsafe note(rd_kafka_assign(client, list))
    }
    // A partition that went while it was paused comes back paused: librdkafka remembers.
    if isPaused || holdsArrivals {
      _ = unsafe rd_kafka_pause_partitions(client, list)
    } else {
      _ = unsafe rd_kafka_resume_partitions(client, list)
    }
  }

  @unsafe
  private func revoke(
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>,
    from client: OpaquePointer
  ) {
    let removed = unsafe partitions(in: list)
    epoch += 1
    assignment.subtract(removed)
    arrived.subtract(removed)
    revoked.formUnion(removed)
    for partition in removed { (reached[partition], asked[partition]) = (nil, nil) }
    if isCooperative {
      unsafe note(rd_kafka_incremental_unassign(client, list))
    } else {
      unsafe note(rd_kafka_assign(client, nil))
    }
  }

  private func note(_ code: rd_kafka_resp_err_t) {
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { pending = KafkaFailure(code).adding("rebalance") }
  }

  @unsafe
  private func note(_ error: OpaquePointer?) {
    if let error = unsafe error { pending = unsafe KafkaFailure(consuming: error) }
  }
}
