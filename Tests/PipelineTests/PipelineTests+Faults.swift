import Events
import Pipeline
import Sessions
import TestSupport
import Testing

/// What goes wrong on the way, and what becomes of the batch.
extension PipelineTests {
  @Test("a store or a broker that fails for a while is waited for, and nothing is committed before")
  func waits() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: [down, down])
    var pipeline = try pipeline(many(), store: store)
    let late = PipelineFailure(remedy: .retry, dependency: .kafka, reason: "late")
    pipeline.sink.failures = [late]
    pipeline.source.whileWaiting = { #expect($0.committed.isEmpty) }
    let turn = try pipeline.turn()
    #expect(turn.retries == [.sessions: 2, .kafka: 1] && turn.storeAnswered)
    #expect(pipeline.source.waitedMs > 0)
    #expect(pipeline.sink.sent.count == 60)
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test("how long it waits is drawn from the generator it is given")
  func jitter() throws {
    func waitedMs(_ seed: UInt64) throws -> Int {
      let down = SessionFailure(remedy: .retry, reason: "down")
      var options = PipelineOptions()
      options.jitter = SeededGenerator(seed: seed)
      var pipeline = try plainPipeline(
        many(),
        store: FailingSessions(sessions(), failures: Array(repeating: down, count: 6)),
        options
      )
      _ = try pipeline.turn()
      return pipeline.source.waitedMs
    }
    #expect(try waitedMs(1) == waitedMs(1))
    #expect(try waitedMs(1) != waitedMs(2))
  }

  @Test("partitions that go while it waits take the batch with them, and it comes again")
  func abandoned() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: [down])
    var pipeline = try pipeline(many(), store: store)
    pipeline.source.whileWaiting = { $0.assignmentEpoch += 1 }
    let turn = try pipeline.turn()
    #expect(turn.abandoned == .partitionsMoved && !turn.storeAnswered)
    #expect(pipeline.sink.sent.isEmpty && pipeline.source.committed.isEmpty)
    #expect(try pipeline.turn().records.count == 60)
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test("partitions that go while nothing fails take the batch with them too")
  func movedInBetween() throws {
    let store = FailingSessions(sessions(), failures: [])
    var pipeline = try pipeline(many(), store: store)
    let source = pipeline.source
    store.onApply = { source.assignmentEpoch += 1 }
    #expect(try pipeline.turn().abandoned == .partitionsMoved)
    #expect(source.committed.isEmpty)
    store.onApply = {}
    #expect(try pipeline.turn().records.count == 60)
    #expect(source.committed == ["clicks/0": 60])
  }

  @Test("a worker that was frozen hears the group before it writes or commits", arguments: [0, 1])
  func frozen(stage: Int) throws {
    let store = FailingSessions(sessions(), failures: [])
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: store,
      PipelineOptions(maxBatch: 10),
      clock: clock
    )
    let source = pipeline.source
    // Before the sessions are written, or after that.
    if stage == 0 { source.onPoll = { clock.advance(ms: 20_001) } }
    if stage == 1 { store.onApply = { clock.advance(ms: 20_001) } }
    source.whileWaiting = { $0.assignmentEpoch += 1 }
    #expect(try pipeline.turn().abandoned == .partitionsMoved)
    #expect(pipeline.sink.sent.isEmpty && source.committed.isEmpty)
    source.whileWaiting = { _ in }
    #expect(try pipeline.turn().abandoned == nil)
    #expect(source.committed == ["clicks/0": 10])
  }

  @Test("each partition of a batch is rewound to its first record, and committed after its last")
  func partitions() throws {
    var records = Array(many().prefix(6))
    for index in records.indices {
      records[index].position.partition = Int32(index % 3)
      records[index].position.offset = Int64(10 * (index % 3) + index / 3)
    }
    var pipeline = try pipeline(records, store: sessions())
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    pipeline.sink.failures = [expired]
    #expect(try pipeline.turn().abandoned == .failed(expired))
    let rewound = pipeline.source.rewound.sorted { $0.partition < $1.partition }
    #expect(rewound == records.prefix(3).map(\.position))
    _ = try pipeline.turn()
    #expect(pipeline.source.committed == ["clicks/0": 2, "clicks/1": 12, "clicks/2": 22])
  }

  @Test("messages that were given up are made again")
  func again() throws {
    var pipeline = try pipeline(many(), store: sessions())
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    pipeline.sink.failures = [expired]
    let cause = try pipeline.turn().abandoned
    #expect(cause == .failed(expired) && cause?.description == "kafka: expired")
    #expect(pipeline.source.committed.isEmpty)
    _ = try pipeline.turn()
    #expect(pipeline.sink.sent.count == 120)
    #expect(
      pipeline.sink.sent.prefix(60).map(\.value) == pipeline.sink.sent.suffix(60).map(\.value)
    )
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test("what nobody can wait out stops it, saying who and why")
  func stops() throws {
    let store = FailingSessions(
      sessions(),
      failures: [SessionFailure(remedy: .stop, reason: "wrong password")]
    )
    var pipeline = try pipeline(many(), store: store)
    let failure = #expect(throws: PipelineFailure.self) { try pipeline.turn() }
    #expect(failure?.description == "sessions: wrong password")
    #expect(pipeline.source.committed.isEmpty)
  }

  @Test("patience ends")
  func patience() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: Array(repeating: down, count: 1_000))
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: store,
      PipelineOptions(fatalAfterMs: 1_000),
      clock: clock
    )
    pipeline.source.whileWaiting = { _ in clock.advance(ms: 100) }
    let failure = #expect(throws: PipelineFailure.self) { try pipeline.turn() }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("down; it has failed for 1 s") == true)
  }

  @Test("asked to stop while it waits, it lets the batch go uncommitted")
  func stopsWaiting() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: Array(repeating: down, count: 1_000))
    var options = PipelineOptions()
    options.shouldStop = { true }
    let waits = Waits()
    options.onWait = { waits.note($0) }
    var pipeline = try plainPipeline(many(), store: store, options)
    let turn = try pipeline.turn()
    #expect(turn.abandoned == .stopping && !turn.storeAnswered)
    #expect(pipeline.source.committed.isEmpty && pipeline.sink.sent.isEmpty)
    #expect(waits.reasons == ["down"] && pipeline.source.rewound.isEmpty)
  }

  @Test("asked to stop, it waits for nothing that keeps a batch from being given up")
  func stopsGivingUp() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    var options = PipelineOptions()
    options.shouldStop = { true }
    let store = FailingSessions(sessions(), failures: [down])
    var pipeline = try plainPipeline(many(), store: store, options)
    let late = PipelineFailure(remedy: .retry, dependency: .kafka, reason: "late")
    pipeline.sink.refusals = [late, late]
    let turn = try pipeline.turn()
    #expect(turn.abandoned == .stopping && turn.retries == [.sessions: 1])
  }

  @Test("an outage that ended with its batch does not count for the next one's")
  func outagesApart() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: [])
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: store,
      PipelineOptions(fatalAfterMs: 60_000),
      clock: clock
    )
    pipeline.source.whileWaiting = { $0.assignmentEpoch += 1 }
    for _ in 0..<4 {
      store.failures = [down]
      #expect(try pipeline.turn().abandoned == .partitionsMoved)
      clock.advance(ms: 50_000)
    }
    pipeline.source.whileWaiting = { _ in }
    #expect(try pipeline.turn().abandoned == nil)
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test("batches that were given up and went elsewhere are no series, and one that comes again is")
  func batchesApart() throws {
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: sessions(),
      PipelineOptions(maxBatch: 10, fatalAfterMs: 60_000),
      clock: clock
    )
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    pipeline.sink.failures = Array(repeating: expired, count: 10)
    for place in 1...4 {
      #expect(try pipeline.turn().abandoned == .failed(expired))
      clock.advance(ms: 50_000)
      // Somebody else did it meanwhile.
      let next = Position(topic: "clicks", partition: 0, offset: Int64(10 * place))
      try pipeline.source.rewind(to: [next])
    }
    let failure = #expect(throws: PipelineFailure.self) {
      for _ in 0..<3 {
        _ = try pipeline.turn()
        clock.advance(ms: 50_000)
      }
    }
    #expect(failure?.reason.contains("it has failed for 100 s") == true)
  }

  @Test("failures with successes between them do not add up", arguments: [false, true])
  func successesBetween(again: Bool) throws {
    let store = FailingSessions(sessions(), failures: [])
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: store,
      PipelineOptions(maxBatch: 10, fatalAfterMs: 1_000),
      clock: clock
    )
    pipeline.source.whileWaiting = { _ in clock.advance(ms: 600) }
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    for _ in 0..<6 {
      if again {
        pipeline.sink.failures = [expired]
        #expect(try pipeline.turn().abandoned == .failed(expired))
      } else {
        store.failures = [SessionFailure(remedy: .retry, reason: "down")]
      }
      #expect(try pipeline.turn().abandoned == nil)
    }
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test("a batch that was committed and comes again all the same is no series")
  func committedBetween() throws {
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: sessions(),
      PipelineOptions(maxBatch: 10, fatalAfterMs: 60_000),
      clock: clock
    )
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    for _ in 0..<2 {
      pipeline.sink.failures = [expired]
      #expect(try pipeline.turn().abandoned == .failed(expired))
      #expect(try pipeline.turn().abandoned == nil)
      clock.advance(ms: 100_000)
      try pipeline.source.rewind(to: [Position(topic: "clicks", partition: 0, offset: 0)])
    }
  }

  @Test("batches that never stick end it too")
  func neverSticks() throws {
    let clock = ManualClock()
    var pipeline = try plainPipeline(
      many(),
      store: sessions(),
      PipelineOptions(fatalAfterMs: 1_000),
      clock: clock
    )
    pipeline.source.whileWaiting = { _ in clock.advance(ms: 400) }
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    pipeline.sink.failures = Array(repeating: expired, count: 10)
    let failure = #expect(throws: PipelineFailure.self) {
      for _ in 0..<10 { _ = try pipeline.turn() }
    }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("expired; it has failed for 1 s") == true)
  }
}
