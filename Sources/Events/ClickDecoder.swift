/// Reads click events, JSON version 1 (`schemas/click.v1.schema.json`).
package enum ClickDecoder {
  /// What is refused however well-formed it is.
  package struct Limits: Equatable, Sendable {
    /// Bytes of a message's value.
    package var maxBytes: Int
    /// Bytes of a user, item or event id.
    package var maxIDBytes: Int

    package init(maxBytes: Int = 65_536, maxIDBytes: Int = 256) {
      self.maxBytes = maxBytes
      self.maxIDBytes = maxIDBytes
    }
  }

  package enum Decoded: Equatable, Sendable {
    case click(Click)
    /// A tombstone: forget this user.
    case erase(user: String)
  }

  /// Times a click may have: from 1970 to the year 9999, in milliseconds.
  package static let timestampsMs: ClosedRange<Int64> = 0...253_402_300_799_999
  /// How far a click's own time may be ahead of its message's.
  package static let maxAheadMs: Int64 = 86_400_000

  package static func decode(
    _ record: Record,
    limits: Limits = Limits()
  ) throws(DecodingFailure) -> Decoded {
    let key = try record.key.map { bytes throws(DecodingFailure) in
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw DecodingFailure(.invalidUTF8, "the key is not UTF-8")
      }
      return text
    }
    guard let value = record.value else {
      guard let key, !key.isEmpty else {
        throw DecodingFailure(.missingKey, "a null value erases its key's user, and has no key")
      }
      if key.utf8.count > limits.maxIDBytes {
        throw DecodingFailure(
          .outOfRange,
          "the key has \(key.utf8.count) bytes, \(limits.maxIDBytes) are allowed"
        )
      }
      return .erase(user: key)
    }
    if value.count > limits.maxBytes {
      throw DecodingFailure(
        .oversize,
        "the value has \(value.count) bytes, \(limits.maxBytes) are allowed"
      )
    }
    if (try? UTF8Span(validating: value.span)) == nil {
      throw DecodingFailure(.invalidUTF8, "the value is not UTF-8")
    }
    let click = try Fields(value).click(record, limits)
    // One click far ahead would make every later one of its user late.
    if record.timestampMs > 0, click.timestampMs - maxAheadMs > record.timestampMs {
      throw DecodingFailure(
        .outOfRange,
        "`timestamp` is \(click.timestampMs), over a day ahead of the message's own"
      )
    }
    // Bytes, not characters: Kafka partitions by them, and Redis keys are made of them.
    if let key = record.key, !key.elementsEqual(click.user.utf8) {
      throw DecodingFailure(.keyMismatch, "the message's key is not its user_id")
    }
    return .click(click)
  }
}

/// The fields of interest of one click.
private struct Fields {
  private let scanner: JSONScanner
  private var user: JSONScanner.Value?
  private var item: JSONScanner.Value?
  private var timestamp: JSONScanner.Value?
  private var eventID: JSONScanner.Value?
  private var type: JSONScanner.Value?

  init(_ bytes: [UInt8]) throws(DecodingFailure) {
    var reader = JSONScanner(bytes)
    scanner = reader
    let isObject: Bool
    do throws(JSONScanner.Malformed) {
      isObject = try reader.fields { name, value in
        switch scanner.string(name) {
        case "user_id": user = value
        case "item_id": item = value
        case "timestamp": timestamp = value
        case "event_id": eventID = value
        case "event_type": type = value
        default: break
        }
      }
    } catch {
      throw DecodingFailure(
        .malformedJSON,
        "the value is not JSON: at byte \(error.byte) it wants \(error.expected)"
      )
    }
    if !isObject { throw DecodingFailure(.wrongType, "the value is not a JSON object") }
  }

  func click(
    _ record: Record,
    _ limits: ClickDecoder.Limits
  ) throws(DecodingFailure) -> Click {
    guard let user = try id(user, "user_id", limits) else { throw missing("user_id") }
    guard let item = try id(item, "item_id", limits) else { throw missing("item_id") }
    var timestampMs = try timestampMs()
    if timestampMs == nil { timestampMs = try messageTimestampMs(record) }
    return Click(
      user: user,
      item: item,
      timestampMs: timestampMs ?? -1,
      eventID: try id(eventID, "event_id", limits),
      type: try id(type, "event_type", limits) ?? Click.defaultType
    )
  }

  /// The message's own time, which its producer may have set to anything; -1 is none.
  private func messageTimestampMs(_ record: Record) throws(DecodingFailure) -> Int64 {
    let value = record.timestampMs
    if value == -1 || ClickDecoder.timestampsMs.contains(value) { return value }
    throw DecodingFailure(
      .outOfRange,
      "the message's timestamp is \(value); it wants milliseconds since 1970, up to year 9999"
    )
  }

  private func missing(_ name: String) -> DecodingFailure {
    DecodingFailure(.missingField, "`\(name)` is missing; it wants a string")
  }

  private func id(
    _ value: JSONScanner.Value?,
    _ name: String,
    _ limits: ClickDecoder.Limits
  ) throws(DecodingFailure) -> String? {
    switch value {
    case nil: return nil
    case .text(let place):
      let text = scanner.string(place)
      if text.isEmpty {
        throw DecodingFailure(.outOfRange, "`\(name)` is empty; it wants at least one character")
      }
      if text.utf8.count > limits.maxIDBytes {
        throw DecodingFailure(
          .outOfRange,
          "`\(name)` has \(text.utf8.count) bytes, \(limits.maxIDBytes) are allowed"
        )
      }
      return text
    case .some(let value):
      throw DecodingFailure(.wrongType, "`\(name)` is \(value.name); it wants a string")
    }
  }

  private func timestampMs() throws(DecodingFailure) -> Int64? {
    switch timestamp {
    case nil: return nil
    case .integer(let value):
      if ClickDecoder.timestampsMs.contains(value) { return value }
      throw DecodingFailure(
        .outOfRange,
        "`timestamp` is \(value); it wants milliseconds since 1970, up to year 9999"
      )
    case .some(let value):
      throw DecodingFailure(.wrongType, "`timestamp` is \(value.name); it wants an integer")
    }
  }
}

/// Why a message is not a click.
package struct DecodingFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// What a program may tell apart; the raw value goes into a dead letter's headers.
  package enum Reason: String, CaseIterable, Sendable {
    case malformedJSON = "malformed_json"
    case wrongType = "wrong_type"
    case missingField = "missing_field"
    case missingKey = "missing_key"
    case keyMismatch = "key_mismatch"
    case invalidUTF8 = "invalid_utf8"
    case outOfRange = "out_of_range"
    case oversize
  }

  package var reason: Reason
  /// What is wrong and what is wanted, in words.
  package var message: String

  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  package var description: String { "\(reason.rawValue): \(message)" }
}
