/// One click of one user on one item.
package struct Click: Equatable, Sendable {
  package var user: String
  package var item: String
  /// Milliseconds since the Unix epoch.
  package var timestampMs: Int64
  /// A producer's own identifier; the same one twice for a user counts once.
  package var eventID: String?
  /// What kind of event it is; `click` when the producer did not say.
  package var type: String

  package init(
    user: String,
    item: String,
    timestampMs: Int64,
    eventID: String? = nil,
    type: String = Click.defaultType
  ) {
    self.user = user
    self.item = item
    self.timestampMs = timestampMs
    self.eventID = eventID
    self.type = type
  }

  package static let defaultType = "click"
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
