internal import FoundationEssentials

/// Writes suggestions, JSON version 1 (`schemas/suggestion.v1.schema.json`).
///
/// The bytes depend on the suggestion alone, so an event that is delivered twice is answered twice
/// with the same bytes. How long it took is therefore a header, and no part of the value. A score
/// that is not finite is written as `null`, so that the value is JSON whatever the model did.
package enum SuggestionEncoder {
  package static func encode(_ suggestion: Suggestion) -> [UInt8] {
    var json = JSONWriter()
    json.text("{\"user_id\":")
    json.string(suggestion.user)
    json.text(",\"source\":{\"topic\":")
    json.string(suggestion.source.position.topic)
    json.text(",\"partition\":\(suggestion.source.position.partition)")
    json.text(",\"offset\":\(suggestion.source.position.offset)")
    if let eventID = suggestion.source.eventID {
      json.text(",\"event_id\":")
      json.string(eventID)
    }
    json.text(",\"timestamp\":\(suggestion.source.timestampMs)},\"items\":[")
    for (index, item) in suggestion.items.enumerated() {
      // As few pieces as may be: there are many items.
      json.text(index == 0 ? "{\"item_id\":\"" : "},{\"item_id\":\"")
      json.characters(item.id)
      json.text("\",\"score\":")
      json.number(item.score)
      if let because = item.because { json.causes(because) }
    }
    json.text(suggestion.items.isEmpty ? "],\"model\":{\"name\":" : "}],\"model\":{\"name\":")
    json.string(suggestion.model.name)
    json.text(",\"version\":")
    json.string(suggestion.model.version)
    json.text("},\"generation\":{\"provenance\":\"\(suggestion.generation.provenance.rawValue)\"")
    json.text(",\"steps\":\(suggestion.generation.steps),\"stopped_by\":")
    json.string(suggestion.generation.stoppedBy)
    json.text(",\"guidance\":")
    json.number(suggestion.generation.guidance)
    json.text(",\"seed\":\(suggestion.generation.seed)")
    if let lessons = suggestion.generation.lessons { json.text(",\"lessons\":\(lessons)") }
    json.text("}")
    json.text(",\"session_length\":\(suggestion.sessionLength)")
    if let oracle = suggestion.oracle {
      json.text(",\"oracle\":\"\(base64(oracle))\"")
    }
    json.text("}")
    return json.bytes
  }
}

/// The headers of a suggestion.
package enum SuggestionHeaders {
  package static let schema = "dreamstream.schema"
  package static let latencyMs = "dreamstream.latency_ms"
  package static let shortened = "dreamstream.shortened"
  package static let traceParent = "traceparent"
  /// What is longer is no trace, and might not fit.
  private static let traceParentBytes = 256

  /// Says the schema and, where there is something to say, the latency and what was left out, and
  /// passes the click's trace on.
  package static func make(
    latencyMs: Int64?,
    shortened: String? = nil,
    passingOn headers: [Header]
  ) -> [Header] {
    [Header(schema, "suggestion/1")]
      + (latencyMs.map { [Header(Self.latencyMs, "\($0)")] } ?? [])
      + (shortened.map { [Header(Self.shortened, $0)] } ?? [])
      + headers.filter { $0.name == traceParent && $0.value?.count ?? 0 <= traceParentBytes }
  }
}

extension JSONWriter {
  fileprivate mutating func causes(_ causes: [Suggestion.Cause]) {
    text(",\"because\":[")
    for (index, cause) in causes.enumerated() {
      text(index == 0 ? "{\"item_id\":" : ",{\"item_id\":")
      string(cause.id)
      text(",\"weight\":")
      number(cause.weight)
      text("}")
    }
    text("]")
  }
}

/// Appends JSON to bytes.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(2_048) }

  mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// A number JSON can write; what is not finite is `null`.
  mutating func number(_ value: Float) { text(value.isFinite ? value.description : "null") }

  mutating func string(_ value: String) {
    bytes.append(UInt8(ascii: "\""))
    characters(value)
    bytes.append(UInt8(ascii: "\""))
  }

  /// What stands between a string's quotes.
  mutating func characters(_ value: String) {
    if value.utf8.allSatisfy(Self.isPlain) { text(value) } else { escaped(value) }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private mutating func escaped(_ value: String) {
    for byte in value.utf8 {
      if Self.isPlain(byte) {
        bytes.append(byte)
      } else if byte < 0x20 {
        text(byte < 0x10 ? "\\u000" : "\\u00")
        text(String(byte, radix: 16))
      } else {
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      }
    }
  }
}

/// Little-endian float32, in base64.
private func base64(_ values: [Float]) -> String {
  Data(values.flatMap { value in (0..<4).map { UInt8(value.bitPattern >> (8 * $0) & 0xFF) } })
    .base64EncodedString()
}

/// Writes clicks, JSON version 1, for whoever feeds a topic.
package enum ClickEncoder {
  package static func encode(
    user: String,
    item: String,
    timestampMs: Int64?,
    eventID: String?,
    type: String?
  ) -> [UInt8] {
    var json = JSONWriter()
    json.text("{\"user_id\":")
    json.string(user)
    json.text(",\"item_id\":")
    json.string(item)
    if let timestampMs { json.text(",\"timestamp\":\(timestampMs)") }
    if let eventID {
      json.text(",\"event_id\":")
      json.string(eventID)
    }
    if let type {
      json.text(",\"event_type\":")
      json.string(type)
    }
    json.text("}")
    return json.bytes
  }
}
