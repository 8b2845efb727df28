import Events
import Foundation
import Testing

/// The schemas' own samples.
enum Samples {
  static let schemas = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "schemas")
  static let folder = schemas.appending(path: "samples")

  static func files(_ path: String) -> [String] {
    let names = try? FileManager.default.contentsOfDirectory(
      atPath: folder.appending(path: path).path
    )
    return (names ?? []).sorted().map { path + "/" + $0 }
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: path)))
  }

  /// Why a bad sample is one: the first part of its name.
  static func reason(_ path: String) -> String? {
    path.split(separator: "/").last?.split(separator: "-").first.map(String.init)
  }
}

func record(_ value: [UInt8]?, key: [UInt8]? = nil) -> Record {
  Record(
    position: Position(topic: "clicks", partition: 3, offset: 7),
    key: key,
    value: value,
    timestampMs: 1_700_000_000_999,
    headers: [Header("a", "b")]
  )
}

@Suite("Click decoder")
struct ClickDecoderTests {
  @Test("good samples are clicks", arguments: Samples.files("click/good"))
  func good(path: String) throws {
    let decoded = try ClickDecoder.decode(record(Samples.bytes(path)))
    guard case .click(let click) = decoded else {
      Issue.record("not a click")
      return
    }
    #expect(!click.user.isEmpty && !click.item.isEmpty)
  }

  @Test(
    "bad samples are refused for the reason they are named by",
    arguments: Samples.files("click/bad")
  )
  func bad(path: String) throws {
    let bytes = try Samples.bytes(path)
    let failure = #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(record(bytes)) }
    #expect(failure?.reason.rawValue == Samples.reason(path))
    #expect(failure?.message.isEmpty == false)
  }

  @Test("samples are there")
  func samples() {
    #expect(Samples.files("click/good").count >= 3)
    #expect(Samples.files("click/bad").count >= 8)
  }

  @Test("every field is read, and what is absent has its default")
  func fields() throws {
    let full = """
      {"x":[{"user_id":"no"},1e5,null],"user_id":"é\\u00e9\\ud83d\\ude00","item_id":"i\\n",
       "timestamp":5,"event_id":"e","event_type":"view"}
      """
    #expect(
      try ClickDecoder.decode(record(Array(full.utf8)))
        == .click(Click(user: "éé😀", item: "i\n", timestampMs: 5, eventID: "e", type: "view"))
    )
    let plain = Array(#"{"user_id":"u","item_id":"i"}"#.utf8)
    #expect(
      try ClickDecoder.decode(record(plain, key: Array("u".utf8)))
        == .click(Click(user: "u", item: "i", timestampMs: 1_700_000_000_999))
    )
  }

  @Test("a click far ahead of its message would make all later ones late, and is refused")
  func ahead() throws {
    func click(at ms: Int64) -> Record {
      record(Array(#"{"user_id":"u","item_id":"i","timestamp":\#(ms)}"#.utf8))
    }
    let latest = record(nil).timestampMs + ClickDecoder.maxAheadMs
    #expect(throws: Never.self) { try ClickDecoder.decode(click(at: latest)) }
    let failure = #expect(throws: DecodingFailure.self) {
      try ClickDecoder.decode(click(at: latest + 1))
    }
    #expect(failure?.reason == .outOfRange)
  }

  @Test("a message's own time is checked too, however extreme", arguments: [.min, -2, .max])
  func messageTime(timestampMs: Int64) {
    var extreme = record(Array(#"{"user_id":"u","item_id":"i"}"#.utf8))
    extreme.timestampMs = timestampMs
    let failure = #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(extreme) }
    #expect(failure?.reason == .outOfRange)
    var dated = record(Array(#"{"user_id":"u","item_id":"i","timestamp":5}"#.utf8))
    dated.timestampMs = timestampMs
    #expect(throws: Never.self) { try ClickDecoder.decode(dated) }
  }

  @Test("a key that is the same characters in other bytes is another key")
  func bytes() {
    let composed = record(
      Array(#"{"user_id":"\u00e9","item_id":"i"}"#.utf8),
      key: Array("e\u{301}".utf8)
    )
    let failure = #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(composed) }
    #expect(failure?.reason == .keyMismatch)
  }

  @Test("a null value erases its key's user")
  func tombstone() throws {
    #expect(try ClickDecoder.decode(record(nil, key: [0x75])) == .erase(user: "u"))
    let longest = [UInt8](repeating: 0x75, count: 256)
    #expect(throws: Never.self) { try ClickDecoder.decode(record(nil, key: longest)) }
    let failure = #expect(throws: DecodingFailure.self) {
      try ClickDecoder.decode(record(nil, key: longest + [0x75]))
    }
    #expect(failure == DecodingFailure(.outOfRange, "the key has 257 bytes, 256 are allowed"))
  }

  @Test(
    "keys, encodings and sizes are checked",
    arguments: [
      (record(nil), .missingKey), (record(nil, key: []), .missingKey),
      (record(Array(#"{"user_id":"u","item_id":"i"}"#.utf8), key: [0x76]), .keyMismatch),
      (record([0x7B, 0xFF, 0x7D]), .invalidUTF8),
      (record([0x7B, 0x7D], key: [0xFF]), .invalidUTF8),
      (record([UInt8](repeating: 0x20, count: 65_537)), .oversize), (record([]), .malformedJSON),
    ] as [(Record, DecodingFailure.Reason)]
  )
  func refused(record: Record, reason: DecodingFailure.Reason) {
    let failure = #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(record) }
    #expect(failure?.reason == reason)
  }

  @Test("ids have a length that is bounded in bytes, whatever the value's")
  func lengths() {
    func id(_ bytes: Int) -> Record {
      let user = String(repeating: "é", count: bytes / 2)
      return record(Array(#"{"user_id":"\#(user)","item_id":"i"}"#.utf8))
    }
    let limits = ClickDecoder.Limits(maxBytes: 100, maxIDBytes: 8)
    #expect(throws: Never.self) { try ClickDecoder.decode(id(8), limits: limits) }
    let long = #expect(throws: DecodingFailure.self) {
      try ClickDecoder.decode(id(10), limits: limits)
    }
    #expect(long?.reason == .outOfRange)
    let longer = #expect(throws: DecodingFailure.self) {
      try ClickDecoder.decode(id(100), limits: limits)
    }
    #expect(longer?.reason == .oversize)
  }

  @Test("a field of the wrong type is named, with the type that was found")
  func wrongType() {
    let value = Array(#"{"user_id":"u","item_id":[1]}"#.utf8)
    let failure = #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(record(value)) }
    #expect(failure?.message == "`item_id` is an array; it wants a string")
  }

  @Test(
    "times are integers of 64 bits, from 1970 to the year 9999",
    arguments: [
      ("0", nil), ("253402300799999", nil), ("253402300800000", .outOfRange), ("-1", .outOfRange),
      ("9223372036854775807", .outOfRange), ("-9223372036854775808", .outOfRange),
      ("9223372036854775808", .wrongType), ("99999999999999999999999", .wrongType),
      ("1e3", .wrongType), ("1.0", .wrongType), ("+1", .malformedJSON), ("01", .malformedJSON),
    ] as [(String, DecodingFailure.Reason?)]
  )
  func times(text: String, reason: DecodingFailure.Reason?) {
    let value = Array(#"{"user_id":"u","item_id":"i","timestamp":\#(text)}"#.utf8)
    do {
      // Of a message without a time of its own, any time is taken.
      var timeless = record(value)
      timeless.timestampMs = -1
      let decoded = try ClickDecoder.decode(timeless)
      #expect(reason == nil)
      #expect(decoded == .click(Click(user: "u", item: "i", timestampMs: Int64(text) ?? -1)))
    } catch {
      #expect(error.reason == reason)
    }
  }

  @Test("a dead letter keeps the message and says why")
  func deadLetter() {
    let original = record([1, 2], key: [3])
    let letter = DeadLetter(
      record: original,
      failure: DecodingFailure(.wrongType, "why"),
      worker: "w1"
    )
    #expect(letter.key == [3] && letter.value == [1, 2])
    let expected = [
      "stage": "decode", "reason": "wrong_type", "message": "why", "topic": "clicks",
      "partition": "3", "offset": "7", "timestamp": "1700000000999", "worker": "w1",
    ]
    #expect(letter.headers.first == Header("a", "b"))
    #expect(letter.headers.count == 1 + expected.count)
    for (name, value) in expected {
      #expect(letter.headers.contains(Header("dreamstream.error." + name, value)))
    }
  }

  @Test("the schema of dead letters names the headers and reasons that are written")
  func deadLetterSchema() throws {
    struct Schema: Decodable {
      struct Property: Decodable { let `enum`: [String]? }
      let required: [String]
      let properties: [String: Property]
    }
    let data = try Data(contentsOf: Samples.schemas.appending(path: "dead-letter.v1.schema.json"))
    let schema = try JSONDecoder().decode(Schema.self, from: data)
    let letter = DeadLetter(record: record(nil), failure: .init(.oversize, ""), worker: "")
    #expect(letter.headers.dropFirst().map(\.name) == schema.required)
    #expect(
      Set(schema.properties.keys)
        == Set(schema.required + [DeadLetter.omitted, DeadLetter.omittedKey])
    )
    let reasons = schema.properties[DeadLetter.prefix + "reason"]?.enum
    #expect(reasons == DecodingFailure.Reason.allCases.map(\.rawValue))
  }
}

@Suite("JSON scanner")
struct JSONScannerTests {
  /// Small texts, and every way of dropping, doubling or changing one of their bytes.
  static let corpus: [[UInt8]] = {
    let texts = [
      #"{"user_id":"a","item_id":"b"}"#, #"{"a":[1,-0.5,1e-3,true,false,null,{}],"b":""}"#,
      #"{"a":"\u00e9\ud83d\ude00\\\"\/\b\f\n\r\t"}"#, #"[ ]"#, #" {"a" : -12 } "#, "0", "-", "1.",
      "01", "\"\\u12G4\"", "\"\u{1}\"", "{\"a\":1,}", "[1,]", "{} {}", "nul", #"{"a":"\ud800"}"#,
      #"["\ud83d\ue000"]"#, #"["\ud83d\u0041"]"#, #"["\udc00"]"#,
    ].map { Array($0.utf8) }
    var corpus = texts
    for text in texts {
      for index in text.indices {
        var dropped = text, doubled = text, changed = text
        dropped.remove(at: index)
        doubled.insert(text[index], at: index)
        changed[index] = UInt8((Int(text[index]) * 31 + index * 7) % 128)
        corpus += [dropped, doubled, changed]
      }
    }
    return corpus
  }()

  /// Foundation lets a comma stand before an end, RFC 8259 does not.
  @Test("accepts what Foundation accepts but for trailing commas, and refuses what it refuses")
  func agrees() {
    for text in Self.corpus {
      let padded = Array("{\"user_id\":\"u\",\"item_id\":\"i\",\"z\":".utf8) + text + [0x7D]
      let ours: Bool
      do {
        _ = try ClickDecoder.decode(record(padded))
        ours = true
      } catch {
        ours = error.reason != .malformedJSON
      }
      let theirs = (try? JSONSerialization.jsonObject(with: Data(padded))) != nil
      let json = String(decoding: padded, as: UTF8.self)
      let trailing = json.contains(#/,\s*[}\]]/#)
      #expect(ours == (theirs && !trailing), "\(json)")
    }
  }

  @Test(
    "escapes mean what Foundation takes them for, in names too",
    arguments: [
      #"\"\\\/\b\f\n\r\t"#, #"\u0041\u00e9\u20AC\ud83d\uDE00"#, #"a\u0000é\u000a😀"#, #"\\u0041\\"#,
    ]
  )
  func escapes(text: String) throws {
    let value = Data(#"{"user_id":"\#(text)","it\u0065m_id":"i"}"#.utf8)
    let theirs = try #require(try JSONSerialization.jsonObject(with: value) as? [String: String])
    let user = try #require(theirs["user_id"])
    #expect(
      try ClickDecoder.decode(record([UInt8](value)))
        == .click(Click(user: user, item: "i", timestampMs: 1_700_000_000_999))
    )
  }

  @Test("depth is bounded")
  func depth() {
    func nested(_ levels: Int) -> Record {
      let array = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
      return record(Array(#"{"user_id":"u","item_id":"i","z":\#(array)}"#.utf8))
    }
    #expect(throws: Never.self) { try ClickDecoder.decode(nested(63)) }
    #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(nested(64)) }
    #expect(throws: DecodingFailure.self) { try ClickDecoder.decode(nested(20_000)) }
  }
}
