import Events
import Foundation
import Testing

@Suite("Suggestion")
struct SuggestionTests {
  static let full = Suggestion(
    user: "u\"\\\n\u{1}é",
    source: .init(
      position: Position(topic: "clicks", partition: 2, offset: 1 << 40),
      eventID: "e",
      timestampMs: 1_700_000_000_123
    ),
    items: [
      .init(
        id: "a",
        score: 1.5,
        because: [.init(id: "c\"", weight: 0.5), .init(id: "d", weight: 0)]
      ),
      .init(id: "b", score: -0.1, because: []),
    ],
    model: .init(name: "m", version: "sha256:ab"),
    generation: .init(
      provenance: .diffusion,
      steps: 12,
      stoppedBy: "relative-change",
      guidance: 2,
      seed: 1 << 53 - 1
    ),
    sessionLength: 3,
    oracle: [1, -2.5, .pi]
  )

  @Test("comes back as it went, and is always the same bytes")
  func roundTrip() throws {
    let bytes = SuggestionEncoder.encode(Self.full)
    #expect(try SuggestionDecoder.decode(bytes) == Self.full)
    #expect(SuggestionEncoder.encode(Self.full) == bytes)
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(bytes)) }
  }

  @Test("what does not fit goes without its reasons, and then without its last items")
  func shortened() throws {
    var long = Self.full
    long.items = (0..<1_000).map { number in
      let causes = (0..<10).map { Suggestion.Cause(id: "cause \($0)", weight: 1) }
      return .init(id: "item \(number)", score: 1, because: causes)
    }
    let whole = SuggestionEncoder.encode(long)
    #expect(SuggestionEncoder.encode(long, atMost: whole.count).shortened == nil)
    #expect(SuggestionEncoder.encode(long, atMost: whole.count).bytes == whole)
    for (most, count) in [(100_000, 1_000), (20_000, 500), (300, 0)] {
      let (bytes, shortened) = SuggestionEncoder.encode(long, atMost: most)
      let read = try SuggestionDecoder.decode(bytes)
      #expect(read.items.map(\.id) == long.items.prefix(count).map(\.id))
      #expect(read.items.allSatisfy { $0.because == nil } && bytes.count <= max(most, 400))
      #expect(shortened == "\(count) of 1000 items without because")
    }
    #expect(
      SuggestionHeaders.make(latencyMs: nil, shortened: "x", passingOn: []).last
        == Header(SuggestionHeaders.shortened, "x")
    )
  }

  @Test("a trace too long to be one is not passed on")
  func trace() {
    func passed(_ value: String) -> Int {
      SuggestionHeaders.make(latencyMs: nil, passingOn: [Header("traceparent", value)]).count - 1
    }
    #expect(passed("00-1") == 1 && passed(String(repeating: "0", count: 1_000_000)) == 0)
  }

  @Test("what is absent is left out")
  func plain() throws {
    var plain = Self.full
    plain.oracle = nil
    plain.source.eventID = nil
    plain.items = []
    let bytes = SuggestionEncoder.encode(plain)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(!text.contains("oracle") && !text.contains("event_id"))
    #expect(try SuggestionDecoder.decode(bytes) == plain)
  }

  @Test("the sample in the schemas is what is written", arguments: Samples.files("suggestion/good"))
  func sample(path: String) throws {
    let bytes = try Samples.bytes(path)
    let trimmed = Array(bytes.split(separator: UInt8(ascii: "\n")).joined())
    #expect(SuggestionEncoder.encode(try SuggestionDecoder.decode(trimmed)) == trimmed)
  }

  @Test(
    "bad samples are refused for the reason they are named by",
    arguments: Samples.files("suggestion/bad")
  )
  func bad(path: String) throws {
    let bytes = try Samples.bytes(path)
    let failure = #expect(throws: DecodingFailure.self) { try SuggestionDecoder.decode(bytes) }
    #expect(failure?.reason.rawValue == Samples.reason(path))
  }

  @Test("samples are there")
  func samples() {
    #expect(Samples.files("suggestion/good").count >= 2)
    #expect(Samples.files("suggestion/bad").count >= 5)
  }

  @Test("a score that is not finite is null", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(score: Float) throws {
    var suggestion = Self.full
    suggestion.items = [.init(id: "a", score: score)]
    let bytes = SuggestionEncoder.encode(suggestion)
    #expect(String(decoding: bytes, as: UTF8.self).contains(#"{"item_id":"a","score":null}"#))
    #expect(try SuggestionDecoder.decode(bytes).items[0].score.isNaN)
  }

  @Test("every control character is escaped")
  func control() throws {
    var suggestion = Self.full
    suggestion.user = String(String.UnicodeScalarView((0..<0x80).compactMap(Unicode.Scalar.init)))
    #expect(try SuggestionDecoder.decode(SuggestionEncoder.encode(suggestion)) == suggestion)
  }

  @Test("a click comes back as it went")
  func click() throws {
    let bytes = ClickEncoder.encode(
      user: "u\"\n",
      item: "i",
      timestampMs: 5,
      eventID: "e",
      type: "view"
    )
    #expect(
      try ClickDecoder.decode(record(bytes))
        == .click(Click(user: "u\"\n", item: "i", timestampMs: 5, eventID: "e", type: "view"))
    )
    let plain = ClickEncoder.encode(
      user: "u",
      item: "i",
      timestampMs: nil,
      eventID: nil,
      type: nil
    )
    #expect(String(decoding: plain, as: UTF8.self) == #"{"user_id":"u","item_id":"i"}"#)
  }

  @Test("headers say schema and latency, and pass the trace on and nothing else")
  func headers() {
    let headers = SuggestionHeaders.make(
      latencyMs: 12,
      passingOn: [Header("traceparent", "00-1"), Header("other", "x")]
    )
    #expect(
      headers == [
        Header("dreamstream.schema", "suggestion/1"), Header("dreamstream.latency_ms", "12"),
        Header("traceparent", "00-1"),
      ]
    )
    let unknown = SuggestionHeaders.make(latencyMs: nil, passingOn: [])
    #expect(unknown == [Header("dreamstream.schema", "suggestion/1")])
  }
}
