import Foundation
import Kafka
import KafkaProxy
import Testing

@Suite("A real broker", .broker, .timeLimit(.minutes(2)))
struct BrokerTests {
  private let settings: [String: String]
  private let topic = SharedBroker.uniqueName("events")

  init() throws {
    settings = [
      "bootstrap.servers": try SharedBroker.bootstrap(), "log_level": "0",
      "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100",
    ]
    try Admin(settings: settings)
      .createTopics([NewTopic(name: topic, partitions: 2, replication: 1)], timeoutMs: 10_000)
  }

  @Test("a topic is made once, and making it again is fine")
  func topics() throws {
    let admin = try Admin(settings: settings)
    let same = NewTopic(name: topic, partitions: 2, replication: 1)
    try admin.createTopics([same], timeoutMs: 10_000)
    let metadata = try admin.metadata(timeoutMs: 10_000)
    #expect(metadata.partitions[topic] == 2)
  }

  @Test("messages come back as they were sent")
  func roundTrip() throws {
    let headers = [KafkaHeader(name: "a", value: [1]), KafkaHeader(name: "b", value: nil)]
    var producer = try producer()
    try producer.send(
      topic: topic,
      partition: 1,
      key: [9],
      value: [8],
      headers: headers,
      timestampMs: 1_700_000_000_000,
    )
    try producer.send(topic: topic, partition: 1, key: [9], value: nil)
    try producer.flush(timeoutMs: 10_000)
    let taken = try take(2, from: consumer())
    #expect(taken.map(\.key) == [[9], [9]])
    #expect(taken.map(\.value) == [[8], nil])
    #expect(taken.map(\.headers) == [headers, []])
    #expect(taken.first?.timestampMs == 1_700_000_000_000)
    #expect(taken.map(\.offset) == [0, 1])
  }

  @Test("the first message since a time is told from there being none that late")
  func times() throws {
    var producer = try producer()
    func send(_ value: UInt8) throws {
      try producer.send(topic: topic, partition: 1, key: nil, value: [value])
      try producer.flush(timeoutMs: 10_000)
      Thread.sleep(forTimeInterval: 0.5)
    }
    // The test broker goes by when it got them.
    try send(0)
    let betweenMs = Int64(Date().timeIntervalSince1970 * 1_000) - 100
    try send(1)
    let place = TopicPartition(topic: topic, partition: 1)
    let consumer = try consumer()
    func first(since ms: Int64) throws -> Int64? {
      try consumer.offsets(since: ms, of: [place], timeoutMs: 10_000)[place]
    }
    #expect(try first(since: betweenMs - 3_600_000) == 0)
    #expect(try first(since: betweenMs) == 1)
    // And it answers with the first where none is that late.
    if ProcessInfo.processInfo.environment["KAFKA_BROKERS"] == nil { return }
    #expect(try first(since: betweenMs + 3_600_000) == .max)
  }

  // Somebody else's broker has no proxy in front that could lose anything.
  @Test(
    "a lost acknowledgement leads to no second copy",
    .enabled(if: ProcessInfo.processInfo.environment["KAFKA_BROKERS"] == nil)
  )
  func lostAcknowledgement() throws {
    let proxy = try #require(try SharedBroker.process).proxy
    let clientID = SharedBroker.uniqueName("lossy")
    var producer = try producer(["client.id": clientID])
    try producer.send(topic: topic, partition: 0, key: nil, value: [0])
    try producer.flush(timeoutMs: 10_000)
    proxy.inject(.dropAnswer, .produce, times: 3, clientID: clientID)
    for number in UInt8(1)..<10 {
      try producer.send(topic: topic, partition: 0, key: nil, value: [number])
      try producer.flush(timeoutMs: 20_000)
    }
    #expect(proxy.faultsRemaining(clientID: clientID) == 0)
    let consumer = try consumer()
    let taken = try take(10, from: consumer)
    #expect(taken.compactMap { $0.value?.first } == Array(0..<10))
    let more = try consumer.poll(max: 1, firstWaitMs: 500, lingerMs: 0)
    #expect(more.isEmpty)
  }

  @Test("a group's next member goes on where the last one committed")
  func takeover() throws {
    var producer = try producer()
    for number in UInt8(0)..<10 {
      try producer.send(topic: topic, partition: 0, key: nil, value: [number])
    }
    try producer.flush(timeoutMs: 10_000)
    let group = SharedBroker.uniqueName("group")
    do {
      let consumer = try consumer(group: group)
      let taken = try take(6, from: consumer)
      #expect(taken.count == 6)
      try consumer.commit(
        offsets: [TopicPartition(topic: topic, partition: 0): 4],
        timeoutMs: 5_000
      )
    }
    let rest = try take(6, from: consumer(group: group))
    #expect(rest.compactMap { $0.value?.first } == Array(4..<10))
  }

  @Test("the lag of partitions is known though no message came: by asking, and by their end")
  func lagOfSilence() throws {
    var producer = try producer()
    for number in UInt8(0)..<10 {
      try producer.send(topic: topic, partition: 0, key: nil, value: [number])
    }
    try producer.flush(timeoutMs: 10_000)
    let (full, empty) = (
      TopicPartition(topic: topic, partition: 0), TopicPartition(topic: topic, partition: 1)
    )
    let group = SharedBroker.uniqueName("group")
    do {
      let consumer = try consumer(group: group)
      try consumer.pauseAll()
      try poll(consumer) { $0.assignment.count == 2 }
      try consumer.askAboutSilent(timeoutMs: 10_000)
      let lags = try self.lags(of: consumer)
      // Tansu's answer counts a batch as one message.
      #expect(lags[full] ?? 0 > 0 && lags[empty] == 0)
      try consumer.commit(offsets: [full: 10], timeoutMs: 5_000)
    }
    let consumer = try consumer(group: group)
    try poll(consumer) { (try? self.lags(of: $0))?.count == 2 }
    let lags = try self.lags(of: consumer)
    #expect(lags == [full: 0, empty: 0])
  }

  @Test(
    "who goes on after a pause wakes what fetches, which would look after it once a second",
    .enabled(if: ProcessInfo.processInfo.environment["KAFKA_BROKERS"] == nil)
  )
  func resumed() throws {
    let proxy = try #require(try SharedBroker.process).proxy
    let clientID = SharedBroker.uniqueName("resumed")
    var producer = try producer()
    for partition: Int32 in 0...1 {
      try producer.send(topic: topic, partition: partition, key: nil, value: [1])
    }
    try producer.flush(timeoutMs: 10_000)
    let consumer = try consumer(clientID: clientID)
    // It knows where to fetch then, and asks no more.
    #expect(try take(2, from: consumer).count == 2)
    try consumer.pauseAll()
    proxy.inject(.delayRequest(ms: 0), .listOffsets, clientID: clientID)
    Thread.sleep(forTimeInterval: 0.2)
    #expect(proxy.faultsRemaining(clientID: clientID) == 1)
    try consumer.resumeAll()
    // Nothing else asks for offsets while nobody polls.
    let deadline = ContinuousClock.now + .seconds(30)
    while proxy.faultsRemaining(clientID: clientID) > 0, .now < deadline {
      Thread.sleep(forTimeInterval: 0.02)
    }
    #expect(proxy.faultsRemaining(clientID: clientID) == 0)
  }

  @Test(
    "what goes wrong on the way is survived, and happens",
    .enabled(if: ProcessInfo.processInfo.environment["KAFKA_BROKERS"] == nil),
    arguments: [
      Fault.dropRequest, .dropAnswer, .delayRequest(ms: 300), .delayAnswer(ms: 300),
    ]
  )
  func faults(fault: Fault) throws {
    let proxy = try #require(try SharedBroker.process).proxy
    let clientID = SharedBroker.uniqueName("unlucky")
    let admin = try Admin(settings: settings.merging(["client.id": clientID]) { $1 })
    _ = try admin.metadata(timeoutMs: 10_000)
    let before = proxy.faultsRemaining(clientID: clientID)
    proxy.inject(fault, .metadata, clientID: clientID)
    let planned = proxy.faultsRemaining(clientID: clientID)
    let clock = ContinuousClock()
    let took = try clock.measure {
      let metadata = try admin.metadata(timeoutMs: 10_000)
      #expect(metadata.partitions[topic] == 2)
    }
    #expect((before, planned) == (0, 1))
    #expect(proxy.faultsRemaining(clientID: clientID) == 0)
    switch fault {
    case .delayRequest, .delayAnswer: #expect(took >= .milliseconds(300))
    case .dropRequest, .dropAnswer: break
    }
  }

  @Test("a broker of one's own can be killed, started again on its port, and ended")
  func ownBroker() throws {
    let process = try BrokerProcess()
    let own = settings.merging(["bootstrap.servers": process.address]) { $1 }
    let admin = try Admin(settings: own)
    try admin.createTopics([NewTopic(name: "t", partitions: 1, replication: 1)], timeoutMs: 10_000)
    process.kill()
    let failure = #expect(throws: KafkaFailure.self) { _ = try admin.metadata(timeoutMs: 300) }
    #expect(failure?.remedy == .retry)
    try process.start()
    let metadata = try admin.metadata(timeoutMs: 10_000)
    #expect(metadata.partitions["t"] == nil)
    process.stop()
    #expect(process.proxy.connectionCount == 0)
  }

  private func producer(_ more: [String: String] = [:]) throws -> Producer {
    try Producer(settings: settings.merging(["linger.ms": "5"]) { $1 }.merging(more) { $1 })
  }

  private func consumer(
    group: String = SharedBroker.uniqueName("group"),
    clientID: String = "test"
  ) throws -> Consumer {
    let own = [
      "group.id": group, "client.id": clientID, "auto.offset.reset": "earliest",
      "fetch.wait.max.ms": "100",
      "session.timeout.ms": "6000", "heartbeat.interval.ms": "500",
    ]
    let consumer = try Consumer(settings: settings.merging(own) { $1 })
    try consumer.subscribe(to: [topic])
    return consumer
  }

  /// The lag of each partition that has one.
  private func lags(of consumer: borrowing Consumer) throws -> [TopicPartition: Int64] {
    var lags: [TopicPartition: Int64] = [:]
    for progress in try consumer.progress() { lags[progress.topicPartition] = progress.lag }
    return lags
  }

  /// Polls until `done`, or for half a minute.
  private func poll(
    _ consumer: borrowing Consumer,
    until done: (borrowing Consumer) -> Bool
  ) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !done(consumer), .now < deadline {
      _ = try consumer.poll(max: 1, firstWaitMs: 100, lingerMs: 0)
    }
  }

  /// Takes `count` messages, or those there are after half a minute.
  private func take(_ count: Int, from consumer: borrowing Consumer) throws -> [Delivery] {
    var taken: [Delivery] = []
    let deadline = ContinuousClock.now + .seconds(30)
    while taken.count < count, .now < deadline {
      let wanted = count - taken.count
      do throws(KafkaFailure) {
        taken += try consumer.poll(max: wanted, firstWaitMs: 200, lingerMs: 20)
      } catch {
        if error.remedy != .retry { throw error }
      }
    }
    return taken
  }
}
