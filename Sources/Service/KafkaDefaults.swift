internal import Kafka

/// The librdkafka properties that the worker's clients start from; the configuration's go over
/// them.
extension Configuration {
  /// All properties of a pipeline's consumer; `bootstrap` is `host:port`, with commas between.
  package func consumerSettings(bootstrap: String, pipeline: Int = 0) -> [String: String] {
    let defaults = [
      "group.id": kafka.group,
      "client.id": worker.name,
      // What was there before the group's first worker counts too.
      "auto.offset.reset": "earliest",
      "isolation.level": "read_committed",
      "partition.assignment.strategy": Self.assignmentStrategy(librdkafkaVersion),
      "fetch.wait.max.ms": "100",
      // How late a member hears that partitions are to be shared out anew.
      "heartbeat.interval.ms": "1000",
      // Small requests wait for nothing: Nagle's algorithm would cost up to 40 ms each.
      "socket.nagle.disable": "true",
      // Bounds what is fetched ahead; the default of 64 MiB would outweigh the rest of the worker.
      "queued.max.messages.kbytes": "16384",
    ]
    var properties = defaults.merging(kafka.consumerProperties) { $1 }
    properties["bootstrap.servers"] = bootstrap
    // Each pipeline is a member of its own, and the group takes an id from one member only.
    if worker.pipelines > 1, let id = properties["group.instance.id"], !id.isEmpty {
      properties["group.instance.id"] = "\(id)-\(pipeline)"
    }
    return properties
  }

  /// Bytes a suggestion may take: with key, headers and framing it has to fit into what topics take
  /// by default, or into what the producer is told if that is less.
  var suggestionBytes: Int {
    let given = kafka.producerProperties["message.max.bytes"].flatMap { Int($0) }
    return min(given ?? .max, 1_048_588) - Self.besideSuggestion
  }

  private static let besideSuggestion = 1_024

  /// Cooperative where that is safe.
  ///
  /// Before 2.3 librdkafka ends the process when a cooperative member leaves before its first
  /// assignment (confluentinc/librdkafka#4312).
  static func assignmentStrategy(_ version: Int) -> String {
    version >= 0x0203_0000 ? "cooperative-sticky" : "range"
  }

  /// All properties of a pipeline's producer; `bootstrap` is `host:port`, with commas between.
  package func producerSettings(bootstrap: String, pipeline: Int) -> [String: String] {
    var defaults = [
      "client.id": worker.name,
      "linger.ms": "5",
      "socket.nagle.disable": "true",
      "compression.type": "lz4",
      // A dead letter is a little larger than the message it is about.
      "message.max.bytes": "1100000",
    ]
    if isTransactional {
      let name = delivery.transactionalID ?? "\(kafka.group)-\(worker.name)"
      let timeout = "\(delivery.transactionTimeoutMs)"
      defaults["transactional.id"] = "\(name)-\(pipeline)"
      defaults["transaction.timeout.ms"] = timeout
      // librdkafka wants it no longer than that.
      defaults["message.timeout.ms"] = timeout
      // A librdkafka that starts over with its brokers while offsets are on their way never answers
      // for these (confluentinc/librdkafka#5511).
      let recovery = "metadata.recovery.strategy"
      if isKnownProperty(recovery) { defaults[recovery] = "none" }
    }
    return defaults.merging(kafka.producerProperties) { $1 }
      .merging(["bootstrap.servers": bootstrap]) { $1 }
  }
}
