import Events
import Kafka
import Pipeline
import TestSupport
import Testing

@testable import Service

@Suite("Kafka transactions", .ownThread, .timeLimit(.minutes(1)))
struct KafkaTransactionsTests {
  private static let endTransaction: Int16 = 26
  private static let fenced = 90
  private static let invalidState = 48

  @Test(
    "an abort tells that its producer was fenced from all that another one may settle",
    arguments: [(fenced, .fenced), (invalidState, .renew)]
      as [(Int, TransactionFailure.Remedy)]
  )
  func abort(code: Int, remedy: TransactionFailure.Remedy) throws {
    let broker = try EmbeddedBroker()
    for topic in ["s", "d"] { try broker.createTopic(topic, partitions: 1) }
    let transactions = try KafkaTransactions(
      properties: [
        "bootstrap.servers": broker.bootstrapServers, "transactional.id": "t", "linger.ms": "0",
        "log_level": "0",
      ],
      suggestions: "s",
      deadLetters: "d",
      timeoutMs: 10_000,
      firstTimeoutMs: 10_000,
      log: nil
    )
    try transactions.begin()
    try transactions.send(Message(destination: .suggestions, key: nil, value: [1], headers: []))
    // Until the broker knows of the transaction there is nothing to be refused.
    let reader = try Consumer(settings: [
      "bootstrap.servers": broker.bootstrapServers, "group.id": "g",
      "auto.offset.reset": "earliest", "isolation.level": "read_uncommitted",
      "session.timeout.ms": "3000", "heartbeat.interval.ms": "200",
    ])
    try reader.subscribe(to: ["s"])
    var taken: [Delivery] = []
    for _ in 0..<100 where taken.isEmpty {
      taken = try reader.poll(max: 1, firstWaitMs: 200, lingerMs: 0)
    }
    #expect(taken.count == 1)
    broker.refuseNext(apiKey: Self.endTransaction, codes: [code])
    let failure = #expect(throws: TransactionFailure.self) { try transactions.abort() }
    #expect(failure?.remedy == remedy, "\(failure?.reason ?? "")")
  }
}
