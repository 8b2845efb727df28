import Events
import Foundation
import Kafka
import Pipeline
import TestSupport
import Testing

@testable import Service

@Suite("Kafka transactions", .ownThread, .timeLimit(.minutes(1)))
struct KafkaTransactionsTests {
  private static let addOffsets: Int16 = 25
  private static let endTransaction: Int16 = 26
  private static let loading = 14
  private static let fenced = 90
  private static let invalidState = 48
  private static let tooLarge = 10
  private let suggestion = Message(destination: .suggestions, key: nil, value: [1], headers: [])
  private let broker: EmbeddedBroker

  init() throws {
    broker = try EmbeddedBroker()
    for topic in ["s", "d"] { try broker.createTopic(topic, partitions: 1) }
  }

  private func transactions(timeoutMs: Int = 10_000) throws -> KafkaTransactions {
    try KafkaTransactions(
      properties: [
        "bootstrap.servers": broker.bootstrapServers, "transactional.id": "t", "linger.ms": "0",
        "log_level": "0",
      ],
      suggestions: "s",
      deadLetters: "d",
      timeoutMs: timeoutMs,
      firstTimeoutMs: 10_000,
      log: nil
    )
  }

  @Test(
    "offsets or a commit of which nothing is heard are another producer's to settle",
    arguments: [addOffsets, endTransaction]
  )
  func unknown(request: Int16) throws {
    let transactions = try transactions(timeoutMs: 300)
    try transactions.begin()
    broker.refuseNext(apiKey: request, codes: Array(repeating: Self.loading, count: 1_000))
    let failure = #expect(throws: TransactionFailure.self) {
      try transactions.commit(
        next: [Position(topic: "clicks", partition: 0, offset: 1)],
        for: Membership(group: "g", generation: 1, member: "m")
      )
    }
    #expect(failure?.remedy == .renew, "\(failure?.reason ?? "")")
  }

  @Test(
    "an abort tells that its producer was fenced from all that another one may settle",
    arguments: [(fenced, .fenced), (invalidState, .renew)]
      as [(Int, TransactionFailure.Remedy)]
  )
  func abort(code: Int, remedy: TransactionFailure.Remedy) throws {
    let transactions = try transactions()
    try transactions.begin()
    try transactions.send(suggestion)
    // Until the broker knows of the transaction there is nothing to be refused.
    let reader = try Consumer(settings: [
      "bootstrap.servers": broker.bootstrapServers, "group.id": "g",
      "isolation.level": "read_uncommitted", "fetch.wait.max.ms": "100",
    ])
    try reader.assign([TopicPartition(topic: "s", partition: 0): 0])
    #expect(try reader.poll(max: 1, firstWaitMs: 20_000, lingerMs: 0).count == 1)
    broker.refuseNext(apiKey: Self.endTransaction, codes: [code])
    let failure = #expect(throws: TransactionFailure.self) { try transactions.abort() }
    #expect(failure?.remedy == remedy, "\(failure?.reason ?? "")")
  }

  @Test("a transaction takes nothing more after a message that was refused, and says why")
  func refused() throws {
    let transactions = try transactions()
    try transactions.begin()
    broker.refuseNext(apiKey: 0, codes: [Self.tooLarge])
    let deadline = ContinuousClock.now + .seconds(20)
    let failure = #expect(throws: TransactionFailure.self) {
      while .now < deadline {
        try transactions.send(suggestion)
        Thread.sleep(forTimeInterval: 0.01)
      }
    }
    #expect(failure?.reason.contains("MSG_SIZE_TOO_LARGE") == true, "\(failure?.reason ?? "")")
  }
}
