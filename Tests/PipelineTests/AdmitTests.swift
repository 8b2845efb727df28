import Events
import Pipeline
import Sessions
import TestSupport
import Testing

/// Partitions that come, and sessions that are behind what the group has committed.
@Suite("Admission")
struct AdmitTests {
  private let home = Partition(topic: "clicks", number: 0)
  private let records = log((0..<20).map { ("u", click("u", "i\($0 % 5)", at: 1_000 + $0)) })

  private func pipeline(
    _ store: some SessionStore,
    batch: Int = 6,
    committed: Int64? = nil
  ) throws -> Pipeline<MemorySource, some SessionStore, MemorySink> {
    let pipeline = try PipelineTests().pipeline(records, store: store, batch: batch)
    if let committed { pipeline.source.before = [home: committed] }
    return pipeline
  }

  private func published(_ sink: MemorySink) throws -> [Int64] {
    try sink.sent.compactMap(\.value).map {
      try SuggestionDecoder.decode($0).source.position.offset
    }
  }

  @Test("a store that has nothing is told everything that is kept, and then serving begins")
  func lostAll() throws {
    let whole = sessions()
    var first = try pipeline(whole)
    for _ in 0..<4 { _ = try first.turn() }
    var second = try pipeline(sessions(), committed: 10)
    let turn = try second.turn()
    #expect(
      turn.rebuilds.map { [$0.from, $0.kept, $0.until] } == [[0, 0, 10]]
        && !turn.rebuilds[0].isKnown && !turn.rebuilds[0].isIncomplete
    )
    #expect(turn.events.allSatisfy { $0 == .rebuilt } && second.sink.sent.isEmpty)
    #expect(turn.storeAnswered, "though no view shows it")
    #expect(second.source.committed.isEmpty)
    for _ in 0..<3 { _ = try second.turn() }
    #expect(try published(second.sink) == Array(10..<20))
    #expect(second.sink.sent.map(\.value) == first.sink.sent.suffix(10).map(\.value))
    #expect(second.source.committed == ["clicks/0": 20])
  }

  @Test("a store that lost the latest is told those; what the topic keeps no longer is said")
  func lostSome() throws {
    let store = sessions()
    var first = try pipeline(store, batch: 7)
    _ = try first.turn()
    try first.finish()
    var second = try pipeline(MemorySessions(sharing: store), committed: 10)
    second.source.kept = [home: 8]
    second.source.membership.generation = 2
    let turn = try second.turn()
    #expect(turn.rebuilds.map { [$0.from, $0.kept, $0.until] } == [[7, 8, 10]])
    #expect(turn.rebuilds[0].isKnown && turn.rebuilds[0].isIncomplete)
    #expect(second.source.admitted == [home: 8])
    #expect(turn.records.map(\.position.offset) == Array(8..<14))
    #expect(try published(second.sink) == Array(10..<14))
  }

  @Test("clicks that the topic dropped before they were read are told of, once")
  func unread() throws {
    var pipeline = try pipeline(sessions(), committed: 4)
    pipeline.source.kept = [home: 9]
    pipeline.source.refusals = [
      PipelineFailure(remedy: .retry, dependency: .kafka, reason: "just assigned")
    ]
    let turn = try pipeline.turn()
    #expect(turn.gaps.map { [$0.from, $0.until] } == [[4, 9]])
    #expect(turn.gaps.first?.count == 5 && turn.rebuilds.count <= 1)
    #expect(pipeline.source.admitted == [home: 9])
    #expect(try published(pipeline.sink) == Array(9..<15))
    #expect(try pipeline.turn().gaps.isEmpty)

    var whole = try self.pipeline(sessions(), committed: 9)
    whole.source.kept = [home: 9]
    #expect(try whole.turn().gaps.isEmpty)
  }

  @Test("what is too old for any session is not folded again")
  func tooOld() throws {
    var pipeline = try pipeline(sessions(), committed: 10)
    pipeline.source.relevant = [home: 6]
    #expect(try pipeline.turn().rebuilds.map(\.from) == [6])
    #expect(pipeline.source.admitted == [home: 6])
    #expect(try published(pipeline.sink) == [10, 11])

    var old = try self.pipeline(sessions(), committed: 10)
    old.source.relevant = [home: .max]
    #expect(try old.turn().rebuilds.isEmpty && old.source.admitted == [home: 10])
  }

  @Test("a store that is not behind is served at once, and a new group begins where it will")
  func notBehind() throws {
    let store = sessions()
    var first = try pipeline(store, batch: 10)
    #expect(try first.turn().rebuilds.isEmpty)
    #expect(first.source.admitted == [home: nil])
    try first.finish()
    var second = try pipeline(MemorySessions(sharing: store), committed: 10)
    #expect(try second.turn().rebuilds.isEmpty)
    #expect(second.source.admitted == [home: 10])
    #expect(try published(second.sink) == Array(10..<16))
  }

  @Test("sessions of a topic that was made anew stop the worker, somebody else's progress does not")
  func madeAnew() throws {
    let store = sessions()
    var first = try pipeline(store, batch: 10)
    _ = try first.turn()
    try first.finish()
    var second = try pipeline(MemorySessions(sharing: store), committed: 4)
    second.source.ends = [home: [9, 10]]
    _ = try second.turn()
    #expect(second.source.admitted == [home: 4])
    let member = Membership(group: "", generation: 0, member: "")
    _ = try store.claim([home], for: member, afresh: [home])
    try store.mark([Position(topic: home.topic, partition: home.number, offset: 10)])
    var apart = try pipeline(MemorySessions(sharing: store), committed: 10)
    apart.source.ends = [home: [9]]
    _ = try apart.turn()
    #expect(apart.source.admitted == [home: 10])
    var third = try pipeline(MemorySessions(sharing: store), committed: 4)
    third.source.ends = [home: [9]]
    let failure = #expect(throws: PipelineFailure.self) { _ = try third.turn() }
    #expect(failure?.remedy == .stop && failure?.dependency == .sessions)
    #expect(failure?.reason.contains("clicks/0 ends at 9") == true, "\(failure?.reason ?? "")")
    #expect(third.sink.sent.isEmpty)
  }

  @Test("a store that was told more than was committed is told where the group is")
  func ahead() throws {
    let store = sessions()
    var first = try pipeline(store, batch: 10)
    _ = try first.turn()
    try first.finish()
    var second = try pipeline(MemorySessions(sharing: store), batch: 2, committed: 5)
    second.source.membership.generation = 2
    let turn = try second.turn()
    #expect(turn.rebuilds.isEmpty && turn.records.map(\.position.offset) == [5, 6])
    let third = Membership(group: "group", generation: 3, member: "third")
    #expect(try store.claim([home], for: third, afresh: []) == [home: 5])
  }

  @Test("a worker that was frozen before it claimed hears what the group has committed since")
  func frozenBeforeClaim() throws {
    let store = FailingSessions(sessions(), failures: [])
    var pipeline = try pipeline(store, batch: 5)
    let source = pipeline.source
    store.onClaim = { source.before = [self.home: 12] }
    let turn = try pipeline.turn()
    #expect(turn.retries == [.kafka: 1])
    // Where the group is would be 12, and the sessions have nothing of what lies before.
    #expect(source.admitted == [home: 0] && turn.records.map(\.position.offset) == Array(0..<5))
    #expect(turn.rebuilds.map { [$0.from, $0.until] } == [[0, 12]])
  }

  @Test("the store is told now and then how far it is, and at the end")
  func marks() throws {
    let clock = ManualClock()
    let store = sessions()
    var pipeline = try plainPipeline(
      records,
      store: store,
      PipelineOptions(maxBatch: 5),
      clock: clock
    )
    func mark() throws -> Int64? {
      let member = Membership(group: "group", generation: 1, member: "member")
      return try store.claim([home], for: member, afresh: [])[home]
    }
    clock.advance(ms: 1_000)
    _ = try pipeline.turn()
    #expect(try mark() == 5)
    _ = try pipeline.turn()
    #expect(try mark() == 5)
    clock.advance(ms: 1_000)
    _ = try pipeline.turn()
    #expect(try mark() == 15)
    _ = try pipeline.turn()
    try pipeline.finish()
    #expect(try mark() == 20)
  }

  @Test("a worker whose partitions somebody claimed since writes nothing, and claims them anew")
  func deposed() throws {
    let clock = ManualClock()
    let store = sessions()
    var pipeline = try plainPipeline(
      records,
      store: store,
      PipelineOptions(maxBatch: 5),
      clock: clock
    )
    pipeline.source.whileWaiting = { _ in clock.advance(ms: 1_000) }
    _ = try pipeline.turn()
    let other = Membership(group: "group", generation: 2, member: "other")
    _ = try MemorySessions(sharing: store).claim([home], for: other, afresh: [])
    let turn = try pipeline.turn()
    guard case .failed(let failure) = turn.abandoned else {
      Issue.record("\(String(describing: turn.abandoned))")
      return
    }
    #expect(failure.remedy == .claim && failure.reason.contains("somebody else"))
    #expect(pipeline.sink.sent.count == 5 && pipeline.source.committed == ["clicks/0": 5])
    // Still of the first generation it may not: the group has to say first that it is a member.
    let refused = #expect(throws: PipelineFailure.self) {
      for _ in 0..<100 { _ = try pipeline.turn() }
    }
    #expect(refused?.reason.contains("was claimed in generation 2") == true)
  }

  @Test("a mark that finds the store another's has the partitions claimed anew")
  func markRefused() throws {
    let store = sessions()
    var pipeline = try pipeline(store, batch: 5)
    _ = try pipeline.turn()
    let other = Membership(group: "group", generation: 2, member: "other")
    _ = try MemorySessions(sharing: store).claim([home], for: other, afresh: [])
    pipeline.source.membership.generation = 3
    try pipeline.finish()
    #expect(pipeline.source.arrived == [home])
    // It was never told how far it is, so that all is folded again.
    #expect(try pipeline.turn().rebuilds.map(\.from) == [0])
    _ = try pipeline.turn()
    #expect(try published(pipeline.sink) == Array(0..<10))
  }

  @Test("a partition that went keeps the store from being told of no other")
  func markOfGone() throws {
    var both = Array(records.prefix(6))
    for index in both.indices {
      both[index].position.partition = Int32(index % 2)
      both[index].position.offset = Int64(index / 2)
    }
    let store = sessions()
    var pipeline = try PipelineTests().pipeline(both, store: store)
    _ = try pipeline.turn()
    pipeline.source.records.removeAll { $0.position.partition == 1 }
    let other = Membership(group: "group", generation: 2, member: "other")
    let gone = Partition(topic: "clicks", number: 1)
    _ = try MemorySessions(sharing: store).claim([gone], for: other, afresh: [])
    try pipeline.finish()
    #expect(pipeline.source.arrived.isEmpty)
    #expect(try store.claim([home], for: other, afresh: []) == [home: 3])
  }

  @Test("a partition that comes again is served from where the group is by then")
  func comesAgain() throws {
    var pipeline = try pipeline(sessions(), committed: 10)
    #expect(try pipeline.turn().rebuilds.map(\.until) == [10])
    try pipeline.finish()
    // The brokers lost a commit meanwhile.
    pipeline.source.before = [home: 4]
    try pipeline.source.holdBack([home])
    _ = try pipeline.turn()
    #expect(try published(pipeline.sink) == Array(4..<10))
  }

  @Test("a transaction that was committed after all is not published again")
  func committedAfterAll() throws {
    var pipeline = try pipeline(sessions(), batch: 5)
    pipeline.sink.isTransactional = true
    _ = try pipeline.turn()
    let unknown = PipelineFailure(remedy: .again, dependency: .kafka, reason: "unknown")
    pipeline.sink.failures = [unknown]
    pipeline.sink.commitsBeforeFailing = true
    #expect(try pipeline.turn().abandoned == .failed(unknown))
    #expect(pipeline.sink.abandoned == 1)
    pipeline.sink.commitsBeforeFailing = false
    let again = try pipeline.turn()
    #expect(again.records.map(\.position.offset) == Array(5..<10))
    #expect(again.events.allSatisfy { $0 == .rebuilt })
    for _ in 0..<2 { _ = try pipeline.turn() }
    #expect(try published(pipeline.sink) == Array(0..<20))
    #expect(pipeline.source.committed == ["clicks/0": 20])
  }
}
