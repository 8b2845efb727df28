import CHiredis

/// What Redis answered to one command, copied out of C memory.
package enum Reply: Equatable, Sendable {
  case bytes([UInt8])
  case integer(Int64)
  case array([Reply])
  case status(String)
  case null
  /// The command was refused: its code and a sentence, as ``RedisFailure/init(reply:)`` reads them.
  case error(String)

  /// Copies a reply; `nil` when it is of a kind RESP2 does not know.
  @unsafe
  init?(copying raw: redisReply) {
    switch unsafe raw.type {
    case REDIS_REPLY_STRING: self = unsafe .bytes(Self.bytes(of: raw))
    case REDIS_REPLY_INTEGER: self = unsafe .integer(Int64(raw.integer))
    case REDIS_REPLY_STATUS: self = unsafe .status(Self.text(of: raw))
    case REDIS_REPLY_ERROR: self = unsafe .error(Self.text(of: raw))
    case REDIS_REPLY_NIL: self = .null
    case REDIS_REPLY_ARRAY:
      var elements: [Reply] = []
      elements.reserveCapacity(unsafe raw.elements)
      for index in 0..<(unsafe raw.elements) {
        guard let element = unsafe raw.element?[index],
          let reply = unsafe Reply(copying: element.pointee)
        else { return nil }
        elements.append(reply)
      }
      self = .array(elements)
    default: return nil
    }
  }

  @unsafe
  private static func bytes(of raw: redisReply) -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: raw.str, count: raw.len))
  }

  @unsafe
  private static func text(of raw: redisReply) -> String {
    unsafe String(decoding: UnsafeRawBufferPointer(start: raw.str, count: raw.len), as: UTF8.self)
  }
}
