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
      headers: []
    )
  }

  @Test("a dead letter that the brokers find too large goes without its value, saying so")
  func tooLarge() throws {
    let broker = try EmbeddedBroker()
    for topic in ["s", "d"] { try broker.createTopic(topic, partitions: 1) }
    let sink = try KafkaSink(
      properties: [
        "bootstrap.servers": broker.bootstrapServers, "message.max.bytes": "1100000",
        "log_level": "0",
      ],
      suggestions: "s",
      deadLetters: "d",
      log: nil
    )
    broker.refuseNext(apiKey: 0, codes: [Self.messageTooLarge])
    try sink.send(letter(bytes: 950_000))
    var failure: PipelineFailure?
    for _ in 0..<20 where failure == nil || failure?.remedy == .retry {
      do throws(PipelineFailure) { try sink.flush() } catch { failure = error }
    }
    #expect(failure?.remedy == .again)

    // The batch comes again; and one larger than the producer itself takes goes the same way.
    try sink.send(letter(bytes: 950_000))
    try sink.send(letter(bytes: 1_200_000))
    try sink.flush()
    let consumer = try Consumer(settings: [
      "bootstrap.servers": broker.bootstrapServers, "group.id": "g",
      "auto.offset.reset": "earliest", "session.timeout.ms": "3000",
      "heartbeat.interval.ms": "200", "fetch.wait.max.ms": "100",
    ])
    try consumer.subscribe(to: ["d"])
    var letters: [Delivery] = []
    for _ in 0..<100 where letters.count < 2 {
      letters += try consumer.poll(max: 10, firstWaitMs: 200, lingerMs: 0)
    }
    let omitted = letters.map { $0.headers.last }
    let sizes = ["950000 bytes", "1200000 bytes"].map { Array($0.utf8) }
    #expect(omitted.map { $0?.name } == [DeadLetter.omitted, DeadLetter.omitted])
    #expect(omitted.compactMap { $0?.value } == sizes)
    #expect(letters.allSatisfy { $0.value == nil && $0.key == [1] })
  }
}
