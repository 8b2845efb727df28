import Events
import Pipeline
import Testing

@testable import Simulation

/// The simulated broker does what Kafka documents; else its seeds would prove little.
@Suite("Simulated broker")
struct BrokerTests {
  private static func scenario(isCooperative: Bool) -> Scenario {
    var seed: UInt64 = 0
    while true {
      var dice = Dice(seed: seed)
      let scenario = Scenario(mode: .exactlyOnce, dice: &dice)
      if scenario.isCooperative == isCooperative, scenario.partitions == 2 { return scenario }
      seed += 1
    }
  }

  private var broker = Broker(scenario(isCooperative: true))
  private let place: OutputPartition

  init() { place = OutputPartition(of: Self.message(0)) }

  private static func message(_ number: UInt8) -> Message {
    Message(destination: .suggestions, key: [7], value: [number], headers: [])
  }

  private var visible: [[UInt8]?] { broker.logs[place]?.committed.map(\.value) ?? [] }

  private func failure(_ body: () throws(Broker.Failure) -> Void) -> Broker.Failure? {
    do throws(Broker.Failure) { try body() } catch { return error }
    return nil
  }

  @Test("readers of committed messages see nothing of an open transaction, nor of an aborted one")
  mutating func readCommitted() throws {
    let (a, b) = (try broker.initialise("a"), try broker.initialise("b"))
    try broker.produce([Self.message(1)], as: "a", epoch: a.epoch, nowMs: 0)
    try broker.produce([Self.message(2)], as: "b", epoch: b.epoch, nowMs: 0)
    try broker.end(as: "b", epoch: b.epoch, isCommit: true, nowMs: 0, lagMs: 0)
    // What is committed waits behind what is older and open.
    #expect(visible.isEmpty && broker.logs[place]?.lastStableOffset == 0)
    try broker.end(as: "a", epoch: a.epoch, isCommit: false, nowMs: 0, lagMs: 0)
    #expect(visible == [[2]])
    // Markers take offsets.
    #expect(broker.logs[place]?.entries.count == 4 && broker.logs[place]?.lastStableOffset == 4)
  }

  @Test("a new producer of a name ends its predecessor's transaction, and fences it")
  mutating func fenced() throws {
    let old = try broker.initialise("a")
    try broker.produce([Self.message(1)], as: "a", epoch: old.epoch, nowMs: 0)
    let new = try broker.initialise("a")
    #expect(new.epoch > old.epoch && !broker.hasOpenTransactions && visible.isEmpty)
    var copy = broker
    #expect(
      failure { () throws(Broker.Failure) in
        try copy.produce([Self.message(2)], as: "a", epoch: old.epoch, nowMs: 0)
      } == .fenced
    )
    #expect(
      failure { () throws(Broker.Failure) in
        try copy.end(as: "a", epoch: old.epoch, isCommit: true, nowMs: 0, lagMs: 0)
      } == .fenced
    )
  }

  @Test("a transaction left open is aborted in time, and its producer fenced")
  mutating func expires() throws {
    let producer = try broker.initialise("a")
    try broker.produce([Self.message(1)], as: "a", epoch: producer.epoch, nowMs: 0)
    broker.tick(nowMs: Scenario.transactionTimeoutMs - 1)
    #expect(broker.hasOpenTransactions)
    broker.tick(nowMs: Scenario.transactionTimeoutMs)
    #expect(!broker.hasOpenTransactions && broker.expired == 1)
    var copy = broker
    #expect(
      failure { () throws(Broker.Failure) in
        try copy.produce([Self.message(2)], as: "a", epoch: producer.epoch, nowMs: 0)
      } == .fenced
    )
  }

  @Test("offsets in a transaction count once it is committed, and are not told before")
  mutating func offsets() throws {
    let name = try #require(broker.withGroup { $0.join(nil, owned: [], nowMs: 0) })
    let member = Membership(group: "g", generation: broker.group.generation, member: name)
    let producer = try broker.initialise("a")
    try broker.add([0: 5], for: member, as: "a", epoch: producer.epoch, nowMs: 0)
    #expect(broker.group.stable([0]) == nil && broker.group.stable([1]) == [:])
    try broker.end(as: "a", epoch: producer.epoch, isCommit: true, nowMs: 0, lagMs: 10)
    // Decided, and still not written.
    #expect(broker.group.stable([0]) == nil)
    #expect(failure { () throws(Broker.Failure) in _ = try broker.initialise("a") } == .concurrent)
    broker.tick(nowMs: 10)
    #expect(broker.group.stable([0]) == [0: 5])
    let stale = Membership(group: "g", generation: member.generation - 1, member: name)
    var copy = broker
    #expect(
      failure { () throws(Broker.Failure) in
        try copy.add([0: 9], for: stale, as: "a", epoch: producer.epoch, nowMs: 10)
      } == .notMember
    )
  }

  @Test("a message whose acknowledgement was lost is stored once")
  mutating func idempotent() {
    let id = broker.newID()
    for sequence in [0, 1, 0, 1, 2] {
      broker.store(Self.message(UInt8(sequence)), producer: id, sequence: sequence)
    }
    #expect(visible == [[0], [1], [2]])
  }

  @Test("a cooperative group gives a partition away only once it is given back")
  mutating func cooperative() throws {
    let first = try #require(broker.withGroup { $0.join(nil, owned: [], nowMs: 0) })
    #expect(broker.group.committed.isEmpty)
    #expect(broker.withGroup { $0.sync(first, nowMs: 0).assigned } == [0, 1])
    let second = try #require(broker.withGroup { $0.join(nil, owned: [], nowMs: 1) })
    #expect(broker.withGroup { $0.heartbeat(first, 1, nowMs: 1) } == .rebalancing)
    #expect(broker.withGroup { $0.sync(second, nowMs: 1).answer } == .rebalancing)
    _ = broker.withGroup { $0.join(first, owned: [0, 1], nowMs: 2) }
    #expect(broker.withGroup { $0.sync(first, nowMs: 2).assigned } == [0])
    #expect(broker.withGroup { $0.sync(second, nowMs: 2).assigned } == [])
    _ = broker.withGroup { $0.join(first, owned: [0], nowMs: 3) }
    _ = broker.withGroup { $0.join(second, owned: [], nowMs: 3) }
    #expect(broker.withGroup { $0.sync(second, nowMs: 3).assigned } == [1])
    #expect(broker.group.generation == 3)
  }

  @Test("a silent member is thrown out, and its commits are refused", arguments: [false, true])
  func silent(isCooperative: Bool) throws {
    var group = Group(partitions: 2, isCooperative: isCooperative)
    let nameGiven = group.join(nil, owned: [], nowMs: 0)
    let name = try #require(nameGiven)
    let member = Membership(group: "g", generation: 1, member: name)
    #expect(group.commit([0: 1], by: member) == .fine)
    group.tick(nowMs: Scenario.sessionTimeoutMs + 1)
    #expect(group.commit([0: 2], by: member) == .unknownMember && group.committed == [0: 1])
    #expect(group.join(name, owned: [0, 1], nowMs: 20_000) == nil)
    let otherGiven = group.join(nil, owned: [], nowMs: 20_000)
    let other = try #require(otherGiven)
    #expect(group.sync(other, nowMs: 20_000).assigned == [0, 1] && group.generation > 1)
  }
}
