import CRdkafka

/// A partition of a topic.
package struct TopicPartition: Hashable, Sendable, CustomStringConvertible {
  package let topic: String
  package let partition: Int32

  package init(topic: String, partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  package var description: String { "\(topic) [\(partition)]" }
}

/// A named value that travels beside a message; names may repeat.
package struct KafkaHeader: Hashable, Sendable {
  package let name: String
  package let value: [UInt8]?

  package init(name: String, value: [UInt8]?) {
    self.name = name
    self.value = value
  }
}

/// One message, as the broker keeps it.
package struct Delivery: Sendable, Equatable {
  package let topic: String
  package let partition: Int32
  package let offset: Int64
  package let key: [UInt8]?
  /// `nil` for a tombstone.
  package let value: [UInt8]?
  /// Milliseconds since the Unix epoch; -1 where the broker has none.
  package let timestampMs: Int64
  package let headers: [KafkaHeader]

  package var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }

  /// Copies a message that carries no error; `topic` is its topic's name.
  @unsafe
  init(copying message: UnsafeMutablePointer<rd_kafka_message_t>, topic: String) {
    self.topic = topic
    partition = unsafe message.pointee.partition
    offset = unsafe message.pointee.offset
    key = unsafe bytes(at: message.pointee.key, count: message.pointee.key_len)
    value = unsafe bytes(at: message.pointee.payload, count: message.pointee.len)
    timestampMs = unsafe rd_kafka_message_timestamp(message, nil)
    headers = unsafe Self.headers(of: message)
  }

  private static func headers(of message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
    var list: OpaquePointer?
    guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return []
    }
    return unsafe (0..<rd_kafka_header_cnt(list)).compactMap { index in
      var name: UnsafePointer<CChar>?
      var value: UnsafeRawPointer?
      var count = 0
      let code = unsafe rd_kafka_header_get_all(list, index, &name, &value, &count)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let name = unsafe name else { return nil }
      return unsafe KafkaHeader(name: String(cString: name), value: bytes(at: value, count: count))
    }
  }
}

/// Copies bytes out of C memory; a null pointer is "none", which is not the same as "empty".
@unsafe
private func bytes(at start: UnsafeRawPointer?, count: Int) -> [UInt8]? {
  unsafe start.map { unsafe [UInt8](UnsafeRawBufferPointer(start: $0, count: count)) }
}
