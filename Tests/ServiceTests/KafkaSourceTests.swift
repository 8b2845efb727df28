import Events
import Foundation
import Kafka
import Pipeline
import TestSupport
import Testing

@testable import Service

@Suite("Kafka source", .ownThread, .timeLimit(.minutes(1)))
struct KafkaSourceTests {
  private static let offsetCommit: Int16 = 8
  private static let refused = 28
  private static let offsetFetch: Int16 = 9
  private static let joinGroup: Int16 = 11
  private static let loading = 14
  private static let rebalanceInProgress = 27
  private let broker: EmbeddedBroker
  private let home = Partition(topic: "clicks", number: 0)

  init() throws {
    broker = try EmbeddedBroker()
    try broker.createTopic("clicks", partitions: 1)
    var producer = try Producer(settings: ["bootstrap.servers": broker.bootstrapServers])
    for number in 0..<10 as Range<UInt8> {
      try producer.send(topic: "clicks", partition: 0, key: nil, value: [number])
    }
    try producer.flush(timeoutMs: 5_000)
  }

  private func source(
    topics: [String] = ["clicks"],
    _ more: [String: String] = [:],
    answerWithinMs: Int = 5_000,
    nowMs: @escaping () -> Int64 = Worker.monotonicMs,
    log: KafkaLog? = nil
  ) throws -> KafkaSource {
    let connection = ["bootstrap.servers": broker.bootstrapServers, "log_level": "0"]
    let own = [
      "group.id": "g", "auto.offset.reset": "earliest", "fetch.wait.max.ms": "100",
      "session.timeout.ms": "3000", "heartbeat.interval.ms": "200",
      "statistics.interval.ms": "50",
    ]
    return try KafkaSource(
      properties: connection.merging(own) { $1 }.merging(more) { $1 },
      connection: connection,
      topics: topics,
      timeToLiveMs: 3_600_000,
      fatalAfterMs: 60_000,
      settleWithinMs: 90_000,
      answerWithinMs: answerWithinMs,
      nowMs: nowMs,
      log: log
    )
  }

  private func position(_ offset: Int64) -> Position {
    Position(topic: "clicks", partition: 0, offset: offset)
  }

  /// The offsets of the next records, or of those there are after some seconds.
  private func take(_ count: Int, _ source: KafkaSource) throws -> [Int64] {
    var records: [Record] = []
    let deadline = ContinuousClock.now + .seconds(15)
    while records.count < count, .now < deadline {
      try source.admit(Dictionary(uniqueKeysWithValues: source.arrived.map { ($0, nil) }))
      records += try source.poll(max: count - records.count, firstWaitMs: 200, lingerMs: 20)
    }
    return records.map(\.position.offset)
  }

  /// Rewinds as the pipeline does: on a busy machine a seek may take longer than it is waited for.
  private func rewind(_ source: KafkaSource, to offset: Int64) throws {
    for _ in 1..<50 {
      do throws(PipelineFailure) { return try source.rewind(to: [position(offset)]) } catch {
        if error.remedy != .retry { throw error }
      }
    }
    try source.rewind(to: [position(offset)])
  }

  @Test("the next source goes on at what was committed, though the brokers refused it at first")
  func committed() throws {
    do {
      let source = try source()
      #expect(try take(6, source) == Array(0..<6))
      broker.refuseNext(apiKey: Self.offsetCommit, codes: [Self.refused])
      let failure = #expect(throws: PipelineFailure.self) {
        try source.commit(next: [position(4)])
      }
      #expect(failure?.remedy == .retry, "\(failure?.reason ?? "")")
      try source.commit(next: [position(4)])
    }
    #expect(try take(1, source()) == [4])
  }

  @Test("while it waits nothing comes, and then what is next, or what it was rewound to")
  func waits() throws {
    let source = try source()
    #expect(try take(2, source) == [0, 1])
    try source.stayAlive(ms: 300)
    let next = try source.poll(max: 3, firstWaitMs: 5_000, lingerMs: 1_000)
    #expect(next.map(\.position.offset) == [2, 3, 4])
    try source.stayAlive(ms: 50)
    try rewind(source, to: 1)
    #expect(try take(9, source) == Array(1..<10))
  }

  @Test("a seek that is not done in time is worth another")
  func slowSeek() throws {
    let gate = NSLock()
    // Said by the thread that does it, before it does.
    let hold: KafkaLog = { _, _, text in
      if text.contains("[thrd:main]: Seek ") { gate.withLock {} }
    }
    let talkative = ["debug": "topic", "log_level": "7"]
    let source = try source(talkative, answerWithinMs: 300, log: hold)
    #expect(try take(2, source) == [0, 1])
    let failure = gate.withLock {
      #expect(throws: PipelineFailure.self) { try source.rewind(to: [position(1)]) }
    }
    #expect(failure?.remedy == .retry, "\(failure?.reason ?? "")")
    try rewind(source, to: 1)
    #expect(try take(3, source) == [1, 2, 3])
  }

  @Test("a partition that just came is not yet ready for an offset, and rewinds by itself")
  func justAssigned() throws {
    broker.refuseNext(
      apiKey: Self.offsetFetch,
      codes: Array(repeating: Self.loading, count: 10_000)
    )
    let source = try source()
    let deadline = ContinuousClock.now + .seconds(15)
    while source.arrived.isEmpty, .now < deadline {
      _ = try source.poll(max: 1, firstWaitMs: 50, lingerMs: 0)
    }
    let failure = #expect(throws: PipelineFailure.self) { try source.admit([home: 2]) }
    #expect(failure?.remedy == .retry && source.arrived == [home])
    try source.rewind(to: [position(1)])
  }

  @Test("what was taken counts as waiting until it is done, and so does what comes meanwhile")
  func progress() throws {
    let source = try source()
    #expect(try take(4, source) == Array(0..<4))
    var seen: [PartitionProgress] = []
    source.whileWaiting = { seen = $0.progress() }
    try source.stayAlive(ms: 100)
    let last = try #require(seen.first)
    // What was taken last may be fewer.
    #expect(last.position ?? 4 < 4 && last.end == 10)
    source.endTurn()
    let done = try #require(source.progress().first)
    #expect(done.position == 4 && done.lag == 6)
    try rewind(source, to: 1)
    #expect(source.progress().first?.position == 1)
    #expect(try take(3, source) == [1, 2, 3])
    source.endTurn()
    #expect(source.progress().first?.position == 4)
    try rewind(source, to: 1)
    try source.holdBack([home])
    try source.admit([home: nil])
    #expect(source.progress().first?.position != 1, "it came again, and somebody else was on")
  }

  @Test("a topic that the brokers do not have is trouble for as long")
  func missing() throws {
    let clock = ManualClock()
    // Beside a pattern all topics are asked for; one asked for alone the mock would make.
    let nowMs = { Int64(clock.clock.monotonicNs() / 1_000_000) }
    let source = try source(topics: ["^nothing", "late"], nowMs: nowMs)
    for _ in 0..<10 {
      clock.advance(ms: 3_000)
      _ = try source.poll(max: 1, firstWaitMs: 100, lingerMs: 0)
    }
    #expect(source.trouble?.code == "UNKNOWN_TOPIC_OR_PART")
  }

  @Test("a group that never settles is given up, one that has is not")
  func unsettled() throws {
    let clock = ManualClock()
    let nowMs = { Int64(clock.clock.monotonicNs() / 1_000_000) }
    broker.refuseNext(
      apiKey: Self.joinGroup,
      codes: Array(repeating: Self.rebalanceInProgress, count: 10_000)
    )
    let source = try source(nowMs: nowMs)
    let failure = #expect(throws: PipelineFailure.self) {
      // Longer than the limit in one step: only what was seen in between counts.
      for _ in 0..<60 {
        _ = try source.poll(max: 1, firstWaitMs: 100, lingerMs: 0)
        clock.advance(ms: 30_000)
      }
    }
    #expect(failure?.remedy == .stop)
    let reason = failure?.reason ?? ""
    #expect(reason.hasPrefix("joining the group has stood at "), "\(reason)")
  }

  @Test("a member without partitions is one for as long as it likes")
  func spare() throws {
    let clock = ManualClock()
    let nowMs = { Int64(clock.clock.monotonicNs() / 1_000_000) }
    let source = try source(nowMs: nowMs)
    #expect(try take(1, source) == [0])
    let spare = try self.source(nowMs: nowMs)
    let deadline = ContinuousClock.now + .seconds(30)
    while [source, spare].contains(where: { $0.joinState != "steady" }), .now < deadline {
      _ = try source.poll(max: 1, firstWaitMs: 50, lingerMs: 0)
      _ = try spare.poll(max: 1, firstWaitMs: 50, lingerMs: 0)
    }
    #expect(source.assignment.count + spare.assignment.count == 1)
    let (idle, busy) = source.assignment.isEmpty ? (source, spare) : (spare, source)
    for _ in 0..<10 {
      clock.advance(ms: 30_000)
      #expect(try idle.poll(max: 1, firstWaitMs: 100, lingerMs: 0).isEmpty)
    }
    #expect(busy.assignment.count == 1)
  }
}
