import CRdkafka
import Synchronization

/// A Kafka cluster inside this process: librdkafka's own mock, on a loopback port.
///
/// Good for a demonstration and for tests. It keeps no more than 5 MiB a partition, forgets all of
/// it with the process, and knows nothing of fencing, idempotence or static membership; a group's
/// first assignment takes it some three seconds. May be used from any thread.
package final class EmbeddedBroker: Sendable {
  /// What clients set as `bootstrap.servers`.
  package let bootstrapServers: String
  private let cluster: Mutex<MockCluster>

  package init(brokers: Int = 1) throws(KafkaFailure) {
    let cluster = try MockCluster(brokers: brokers)
    bootstrapServers = cluster.bootstrapServers
    self.cluster = Mutex(cluster)
  }

  /// Makes a topic; the mock does not answer ``Admin/createTopics(_:timeoutMs:)``.
  package func createTopic(_ name: String, partitions: Int) throws(KafkaFailure) {
    try check("making topic \(name)") { cluster in
      unsafe rd_kafka_mock_topic_create(cluster.raw, name, Int32(clamping: partitions), 1)
    }
  }

  /// Answers the next requests of a kind with errors, one after another.
  ///
  /// - Parameters:
  ///   - apiKey: The request's number in the Kafka protocol: 0 produce, 1 fetch, 8 offset commit.
  ///   - codes: The protocol's error codes.
  package func refuseNext(apiKey: Int16, codes: [Int]) {
    let errors = codes.map { rd_kafka_resp_err_t(Int32(clamping: $0)) }
    cluster.withLock { cluster in
      unsafe rd_kafka_mock_push_request_errors_array(cluster.raw, apiKey, errors.count, errors)
    }
  }

  private func check(
    _ context: String,
    _ call: (borrowing MockCluster) -> rd_kafka_resp_err_t
  ) throws(KafkaFailure) {
    let code = cluster.withLock { call($0) }
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaFailure(code).adding(context) }
  }
}

/// Owns the mock, and the client that librdkafka hangs it on.
@safe
private struct MockCluster: ~Copyable {
  let raw: OpaquePointer
  private let client: Client

  init(brokers: Int) throws(KafkaFailure) {
    let client = try Client(["log_level": "0"], role: .admin, bridge: Bridge(log: nil))
    let count = Int32(clamping: brokers)
    guard let raw = unsafe rd_kafka_mock_cluster_new(client.raw, count) else {
      throw KafkaFailure(RD_KAFKA_RESP_ERR__FAIL, remedy: .stop)
        .adding("starting \(brokers) embedded brokers")
    }
    unsafe self.raw = raw
    self.client = client
  }

  deinit { unsafe rd_kafka_mock_cluster_destroy(raw) }

  var bootstrapServers: String {
    unsafe String(cString: rd_kafka_mock_cluster_bootstraps(raw))
  }
}
