import Events
import Foundation
import Kafka
import KafkaProxy
import Logging
import Network
import Service
import TestSupport
import Testing

/// What readers of committed messages may see, asked of the log itself: see ``TransactionLog``.
@Suite("Transactions", .broker, .timeLimit(.minutes(3)))
struct TransactionTests {
  private static let isOurs = ProcessInfo.processInfo.environment["KAFKA_BROKERS"] == nil
  private let settings: [String: String]
  private let topic = SharedBroker.uniqueName("outcomes")

  init() throws {
    settings = [
      "bootstrap.servers": try SharedBroker.bootstrap(), "log_level": "0", "linger.ms": "5",
      "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100",
    ]
    try Admin(settings: settings)
      .createTopics([NewTopic(name: topic, partitions: 1, replication: 1)], timeoutMs: 10_000)
  }

  private func producer(_ name: String) throws -> Producer {
    let own = [
      "transactional.id": name, "transaction.timeout.ms": "10000", "message.timeout.ms": "10000",
    ]
    let producer = try Producer(settings: settings.merging(own) { $1 })
    try producer.initTransactions(timeoutMs: 10_000)
    return producer
  }

  private func send(_ value: UInt8, by producer: inout Producer) throws {
    try producer.send(topic: topic, partition: 0, key: nil, value: [value])
  }

  private func consumer(_ group: String) throws -> Consumer {
    let own = [
      "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": "6000",
      "fetch.wait.max.ms": "100",
    ]
    return try Consumer(settings: settings.merging(own) { $1 })
  }

  private func log() throws -> TransactionLog {
    var log = TransactionLog()
    try log.read(
      port: try #require(try SharedBroker.process).proxy.port,
      topic: topic,
      partition: 0
    )
    return log
  }

  @Test("messages and offsets are there together, or not at all", .enabled(if: isOurs))
  func together() throws {
    let group = SharedBroker.uniqueName("group")
    let consumer = try consumer(group)
    try consumer.subscribe(to: [topic])
    let place = TopicPartition(topic: topic, partition: 0)
    let deadline = ContinuousClock.now + .seconds(30)
    while consumer.assignment.isEmpty, .now < deadline {
      _ = try consumer.poll(max: 1, firstWaitMs: 100, lingerMs: 0)
    }
    let member = try consumer.groupMember()
    #expect(member.group == group && member.generation >= 0 && member.instance == nil)
    #expect(member.member == consumer.memberID)

    var producer = try producer(SharedBroker.uniqueName("id"))
    try producer.beginTransaction()
    try send(1, by: &producer)
    #expect(try consumer.committed([place], timeoutMs: 5_000) == [:])
    try producer.sendOffsets([place: 5], of: member, timeoutMs: 10_000)
    try producer.commitTransaction(timeoutMs: 10_000)
    #expect(try consumer.committed([place], timeoutMs: 5_000) == [place: 5])
    try producer.beginTransaction()
    try send(2, by: &producer)
    try producer.sendOffsets([place: 7], of: member, timeoutMs: 10_000)
    try producer.flush(timeoutMs: 10_000)
    let open = try log()
    #expect(open.open == [2...2] && open.aborted == [])
    try producer.abortTransaction(timeoutMs: 10_000)
    #expect(try consumer.committed([place], timeoutMs: 5_000) == [place: 5])
    let ended = try log()
    #expect(ended.open == [] && ended.aborted == [2...2] && ended.end == 4)
    #expect(ended.isAborted(2) && !ended.isAborted(0))
  }

  @Test("a younger producer of the same name ends what the older one left open, and fences it")
  func fenced() throws {
    let name = SharedBroker.uniqueName("id")
    var old = try producer(name)
    try old.beginTransaction()
    try send(1, by: &old)
    try old.flush(timeoutMs: 10_000)
    var young = try producer(name)
    if Self.isOurs { #expect(try log().aborted == [0...0]) }
    try young.beginTransaction()
    try send(2, by: &young)
    try young.commitTransaction(timeoutMs: 10_000)
    let failure = #expect(throws: KafkaFailure.self) {
      try old.commitTransaction(timeoutMs: 3_000)
    }
    // The test broker lets the commit of a fenced producer run into its timeout.
    if failure?.code != "_TIMED_OUT" { #expect(failure?.isFenced == true, "\(failure as Any)") }
  }

  @Test(
    "each step of a transaction may get lost, and every click is answered once",
    .enabled(if: isOurs),
    arguments: [
      KafkaAPI.produce, .addPartitionsToTransaction, .addOffsetsToTransaction,
      .transactionalOffsetCommit, .endTransaction, .findCoordinator, .initProducerID,
    ],
    [Fault.dropRequest, .dropAnswer, .delayAnswer(ms: 3_000)]
  )
  func lost(api: KafkaAPI, fault: Fault) async throws {
    let world = try World()
    defer { world.end() }
    let proxy = try #require(try SharedBroker.process).proxy
    let name = SharedBroker.uniqueName("unlucky")
    proxy.inject(fault, api, times: 2, clientID: name)
    let clicks = (0..<60).map { ("u\($0 % 7)", "i\($0 % 50)", Int64(1_700_000_000_000 + $0)) }
    try world.produce(clicks.map { click($0.0, $0.1, atMs: $0.2) })
    let worker = try Worker(
      configuration: world.configuration([
        ("worker.name", name), ("batch.max_size", "16"), ("delivery.transaction_timeout", "4s"),
      ]),
      model: ModelDirectory.load(world.model),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    )
    async let ended: Void = worker.run()
    let seen = try world.committed(world.suggestions, atLeast: clicks.count, seconds: 60)
    worker.stop()
    try await ended
    let sources = try seen.compactMap { try $0.value.map(SuggestionDecoder.decode) }.map(\.source)
    #expect(sources.count == clicks.count && Set(sources.map(\.position)).count == clicks.count)
    for position in Dictionary(grouping: sources.map(\.position), by: \.home).values {
      #expect(position.map(\.offset) == position.map(\.offset).sorted())
    }
    // A producer finds its coordinator and its number once, and again only after a failure.
    #expect(proxy.faultsRemaining(clientID: name) <= 1)
  }
}

extension World {
  /// What a reader of committed messages sees in a topic of the shared broker, in the order of each
  /// partition, once that is `count` messages or `seconds` have passed.
  func committed(_ topic: String, atLeast count: Int, seconds: Int) throws -> [Delivery] {
    guard let process = try SharedBroker.process else {
      return try read(topic, atLeast: count, seconds: seconds)
    }
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let all = try read(topic, atLeast: count, seconds: seconds)
      var logs: [Int32: TransactionLog] = [:]
      for partition in Set(all.map(\.partition)) {
        var log = TransactionLog()
        try log.read(port: process.proxy.port, topic: topic, partition: partition)
        logs[partition] = log
      }
      let seen = all.filter { delivery in
        guard let log = logs[delivery.partition] else { return false }
        return !log.isAborted(delivery.offset) && !log.isOpen(delivery.offset)
      }
      if seen.count >= count || .now > deadline { return seen.sorted { $0.offset < $1.offset } }
      Thread.sleep(forTimeInterval: 0.3)
    }
  }
}
