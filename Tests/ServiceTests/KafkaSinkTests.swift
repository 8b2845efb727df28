import Events
import Kafka
import Pipeline
import Testing

@testable import Service

@Suite("Kafka sink", .timeLimit(.minutes(1)))
struct KafkaSinkTests {
  private static let messageTooLarge = 10

  private func letter(bytes: Int) -> Message {
    Message(
      destination: .deadLetters,
      key: [1],
      value: [UInt8](repeating: 7, count: bytes),
      headers: [Header("theirs", "x"), Header(DeadLetter.prefix + "reason", "oversize")]
    )
  }

  private func sink(_ broker: EmbeddedBroker) throws -> KafkaSink {
    for topic in ["s", "d"] { try broker.createTopic(topic, partitions: 1) }
    return try KafkaSink(
      properties: [
        "bootstrap.servers": broker.bootstrapServers, "message.max.bytes": "1100000",
        "log_level": "0",
      ],
      suggestions: "s",
      deadLetters: "d",
      log: nil
    )
  }

  /// What becomes of a message that the brokers find too large.
  private func refusal(
    of message: Message,
    _ sink: KafkaSink,
    _ broker: EmbeddedBroker
  ) throws -> PipelineFailure? {
    broker.refuseNext(apiKey: 0, codes: [Self.messageTooLarge])
    try sink.send(message)
    var failure: PipelineFailure?
    for _ in 0..<20 where failure == nil || failure?.remedy == .retry {
      do throws(PipelineFailure) { try sink.flush() } catch { failure = error }
    }
    return failure
  }

  private func letters(_ count: Int, _ broker: EmbeddedBroker) throws -> [Delivery] {
    let consumer = try Consumer(settings: [
      "bootstrap.servers": broker.bootstrapServers, "group.id": "g",
      "auto.offset.reset": "earliest", "session.timeout.ms": "3000",
      "heartbeat.interval.ms": "200", "fetch.wait.max.ms": "100",
    ])
    try consumer.subscribe(to: ["d"])
    var letters: [Delivery] = []
    for _ in 0..<100 where letters.count < count {
      letters += try consumer.poll(max: 10, firstWaitMs: 200, lingerMs: 0)
    }
    return letters
  }

  @Test("a dead letter that its topic finds too large goes without its value, saying so")
  func tooLarge() throws {
    let broker = try EmbeddedBroker()
    let sink = try sink(broker)
    #expect(try refusal(of: letter(bytes: 700_000), sink, broker)?.remedy == .again)

    // The batch comes again; and one larger than the producer itself takes goes the same way.
    for bytes in [700_000, 1_200_000, 300_000] { try sink.send(letter(bytes: bytes)) }
    try sink.flush()
    let letters = try letters(3, broker)
    let omitted = letters.map { letter in
      letter.headers.first { $0.name == DeadLetter.omitted }?.value
    }
    let sizes = ["700000 bytes", "1200000 bytes"].map { Array($0.utf8) }
    #expect(omitted == sizes + [nil])
    #expect(letters.map { $0.value?.count } == [nil, nil, 300_000])
    #expect(letters.allSatisfy { $0.key == [1] })
  }

  @Test("it is cut down until it fits, and only what cannot be cut any more ends it")
  func cutDown() throws {
    let broker = try EmbeddedBroker()
    let sink = try sink(broker)
    var message = letter(bytes: 2_000)
    message.key = [UInt8](repeating: 1, count: 1_500)
    for _ in 0..<2 { #expect(try refusal(of: message, sink, broker)?.remedy == .again) }
    try sink.send(message)
    try sink.flush()
    let letters = try letters(1, broker)
    #expect(letters.first?.key == nil && letters.first?.value == nil)
    let names = letters.first?.headers.map(\.name)
    #expect(names == [DeadLetter.prefix + "reason", DeadLetter.omitted, DeadLetter.omittedKey])
    #expect(letters.first?.headers.last?.value == Array("1500 bytes".utf8))
    #expect(try refusal(of: message, sink, broker)?.remedy == .stop)
  }

  @Test("a suggestion that is too large is no dead letter's fault")
  func suggestion() throws {
    let broker = try EmbeddedBroker()
    let sink = try sink(broker)
    var message = letter(bytes: 500)
    message.destination = .suggestions
    #expect(try refusal(of: message, sink, broker)?.remedy == .stop)
  }
}
