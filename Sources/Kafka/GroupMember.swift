import CRdkafka

/// A member of a consumer group, in one of the group's generations.
package struct GroupMember: Equatable, Sendable {
  package let group: String
  /// Negative outside the group.
  package let generation: Int32
  /// Empty outside the group.
  package let member: String
  /// `group.instance.id`, for static membership.
  package let instance: String?

  package init(group: String, generation: Int32, member: String, instance: String?) {
    self.group = group
    self.generation = generation
    self.member = member
    self.instance = instance
  }
}

extension Consumer {
  /// As whom the group knows this consumer just now.
  ///
  /// - Throws: `stop` if this librdkafka tells it in a form unknown here.
  package borrowing func groupMember() throws(KafkaFailure) -> GroupMember {
    guard let metadata = unsafe rd_kafka_consumer_group_metadata(client.raw) else {
      throw KafkaFailure(RD_KAFKA_RESP_ERR__UNKNOWN_GROUP)
    }
    defer { unsafe rd_kafka_consumer_group_metadata_destroy(metadata) }

    var buffer: UnsafeMutableRawPointer?
    var size = 0
    if let error = unsafe rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size) {
      throw unsafe KafkaFailure(consuming: error)
    }
    defer { unsafe rd_kafka_mem_free(nil, buffer) }
    let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: buffer, count: size))
    guard let member = GroupMember(serialized: bytes) else {
      throw KafkaFailure(
        RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
        remedy: .stop,
        reason: "this librdkafka, \(unsafe String(cString: rd_kafka_version_str())), says who a "
          + "member of a group is in a form that is not known here"
      )
    }
    return member
  }
}

extension GroupMember {
  private static let magic = Array("CGMDv2:".utf8)

  /// Reads the form that librdkafka writes: the magic, the generation in four bytes as the machine
  /// has them, group and member ended by zeros, and a byte that is 0 if an instance follows.
  ///
  /// It is the only way to the generation that librdkafka has.
  init?(serialized bytes: [UInt8]) {
    var rest = bytes[...]
    guard rest.starts(with: Self.magic), rest.count >= Self.magic.count + 4 else { return nil }
    rest = rest.dropFirst(Self.magic.count)
    generation = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int32($1) }
    rest = rest.dropFirst(4)
    func text() -> String? {
      guard let end = rest.firstIndex(of: 0) else { return nil }
      defer { rest = rest[(end + 1)...] }
      return String(decoding: rest[..<end], as: UTF8.self)
    }
    guard let group = text(), let member = text(), let isNull = rest.popFirst() else { return nil }
    self.group = group
    self.member = member
    instance = isNull == 0 ? text() : nil
    if isNull == 0, instance == nil { return nil }
  }

  /// In C's form; the caller destroys it.
  @unsafe
  var metadata: OpaquePointer? {
    unsafe rd_kafka_consumer_group_metadata_new_with_genid(group, generation, member, instance)
  }
}
