/// A partition of a topic.
package struct Partition: Hashable, Sendable, CustomStringConvertible {
  package var topic: String
  package var number: Int32

  package init(topic: String, number: Int32) {
    self.topic = topic
    self.number = number
  }

  package var description: String { "\(topic)/\(number)" }
}

/// Where a message stands in the log.
package struct Position: Hashable, Sendable {
  package var topic: String
  package var partition: Int32
  package var offset: Int64

  package init(topic: String, partition: Int32, offset: Int64) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }

  package var home: Partition { Partition(topic: topic, number: partition) }
}

/// A member of a consumer group, in one of the group's generations.
package struct Membership: Equatable, Sendable {
  package var group: String
  /// Grows with every rebalance; negative outside the group.
  package var generation: Int32
  /// The name the group gave it; empty outside the group.
  package var member: String
  /// The name it has of its own, for static membership.
  package var instance: String?

  package init(group: String, generation: Int32, member: String, instance: String? = nil) {
    self.group = group
    self.generation = generation
    self.member = member
    self.instance = instance
  }

  package var isMember: Bool { generation >= 0 && !member.isEmpty }
}

/// One message as the broker keeps it, before anybody has looked inside.
package struct Record: Equatable, Sendable {
  package var position: Position
  package var key: [UInt8]?
  /// `nil` is a tombstone: erase this user.
  package var value: [UInt8]?
  /// Milliseconds since the Unix epoch, from the broker or the producer.
  package var timestampMs: Int64
  package var headers: [Header]

  package init(
    position: Position,
    key: [UInt8]?,
    value: [UInt8]?,
    timestampMs: Int64,
    headers: [Header] = []
  ) {
    self.position = position
    self.key = key
    self.value = value
    self.timestampMs = timestampMs
    self.headers = headers
  }
}

/// A message header.
package struct Header: Equatable, Sendable {
  package var name: String
  package var value: [UInt8]?

  package init(_ name: String, _ value: [UInt8]?) {
    self.name = name
    self.value = value
  }

  package init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
}
