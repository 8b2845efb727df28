/// Requests of the Kafka protocol, by their numbers in it.
package enum KafkaAPI: Int16, Sendable {
  case produce = 0
  case fetch = 1
  case listOffsets = 2
  case metadata = 3
  case offsetCommit = 8
  case offsetFetch = 9
  case findCoordinator = 10
  case joinGroup = 11
  case heartbeat = 12
  case leaveGroup = 13
  case syncGroup = 14
  case apiVersions = 18
  case createTopics = 19
  case initProducerID = 22
  case addPartitionsToTransaction = 24
  case addOffsetsToTransaction = 25
  case endTransaction = 26
  case transactionalOffsetCommit = 28
}

/// The start of a request: `[length 4][api 2][version 2][correlation 4][client id 2 + n]`.
struct RequestHeader: Equatable {
  let api: Int16
  let version: Int16
  let correlation: Int32
  let clientID: String

  /// Reads it, or returns `nil` while too little has arrived.
  init?(_ bytes: Span<UInt8>, frameCount: Int) {
    if bytes.count < min(14, frameCount) { return nil }
    api = Int16(truncatingIfNeeded: integer(bytes, at: 4, count: 2))
    version = Int16(truncatingIfNeeded: integer(bytes, at: 6, count: 2))
    correlation = Int32(truncatingIfNeeded: integer(bytes, at: 8, count: 4))
    let nameCount = Int(Int16(truncatingIfNeeded: integer(bytes, at: 12, count: 2)))
    let end = min(14 + max(0, nameCount), frameCount)
    if bytes.count < end { return nil }
    let name = 14 <= end ? (14..<end).map { bytes[$0] } : []
    clientID = String(decoding: name, as: UTF8.self)
  }
}

/// A big-endian number; bytes beyond the end count as zero.
func integer(_ bytes: Span<UInt8>, at start: Int, count: Int) -> Int {
  var value = 0
  for index in start..<start + count {
    value = value << 8 | (index < bytes.count ? Int(bytes[index]) : 0)
  }
  return value
}

/// Ends an ApiVersions answer (version 3 and above) after `throttle_time_ms`.
///
/// librdkafka 2.0.2 reads the tagged fields that may follow there wrongly, and drops the
/// connection. An answer of another form is returned as it is.
func withoutTaggedFields(apiVersions frame: [UInt8]) -> [UInt8] {
  let bytes = frame.span
  // Length, correlation and error code; then a compact array whose count is stored plus one.
  var position = 10
  guard let stored = unsignedVarint(bytes, at: &position), stored >= 1 else { return frame }
  for _ in 1..<stored {
    position += 6
    guard skipTags(bytes, at: &position) else { return frame }
  }
  position += 4
  guard position < frame.count else { return frame }
  let length = UInt32(truncatingIfNeeded: position + 1 - 4)
  let prefix = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> UInt32($0)) }
  return prefix + frame[4..<position] + [0]
}

private func skipTags(_ bytes: Span<UInt8>, at position: inout Int) -> Bool {
  guard let count = unsignedVarint(bytes, at: &position) else { return false }
  for _ in 0..<count {
    guard unsignedVarint(bytes, at: &position) != nil,
      let size = unsignedVarint(bytes, at: &position)
    else { return false }
    position += size
  }
  return true
}

private func unsignedVarint(_ bytes: Span<UInt8>, at position: inout Int) -> Int? {
  var value = 0
  for shift in stride(from: 0, to: 35, by: 7) {
    guard position < bytes.count else { return nil }
    let byte = bytes[position]
    position += 1
    value |= Int(byte & 0x7f) << shift
    if byte < 0x80 { return value }
  }
  return nil
}
