import Events
import Network
import Pipeline
import Sessions
import TestSupport
import Testing

@Suite("Pipeline")
struct PipelineTests {
  private func pipeline<Store: SessionStore>(
    _ records: [Record],
    store: Store,
    model: Model = TinyModel.make(),
    batch: Int = 64,
    options: RecommenderOptions = RecommenderOptions(),
  ) throws -> Pipeline<MemorySource, Store, MemorySink> {
    Pipeline(
      source: MemorySource(records),
      store: store,
      sink: MemorySink(),
      recommender: try Recommender(model: model, options: options),
      options: PipelineOptions(maxBatch: batch, fatalAfterMs: 1_000, maxEventBytes: 500),
      clock: ManualClock().clock
    )
  }

  private func suggestions(_ sink: MemorySink) throws -> [Suggestion] {
    try sink.sent.filter { $0.destination == .suggestions }.compactMap(\.value)
      .map { try SuggestionDecoder.decode($0) }
  }

  @Test("every click gets one suggestion, from the session as of it, in order")
  func inOrder() throws {
    let records = log([
      ("u", click("u", "i1")), ("v", click("v", "i2")), ("u", click("u", "i3")),
      ("u", click("u", "i4")),
    ])
    var pipeline = try pipeline(records, store: sessions())
    let turn = try pipeline.turn()
    let made = try suggestions(pipeline.sink)
    #expect(made.map(\.user) == ["u", "v", "u", "u"])
    #expect(made.map(\.sessionLength) == [1, 1, 2, 3])
    #expect(made.map(\.source.position.offset) == [0, 1, 2, 3])
    #expect(made.allSatisfy { $0.items.count == 20 && $0.generation.stoppedBy == "folded" })
    #expect(pipeline.sink.stored == 4)
    #expect(pipeline.source.committed == ["clicks/0": 4])
    #expect(pipeline.sink.sent[1].headers.contains(Header("traceparent", "00-1")))
    #expect(turn.nanoseconds.keys.count == Turn.Stage.allCases.count)
  }

  @Test("what cannot be read goes where the contract says, and nothing is in its way")
  func poison() throws {
    let records = log([
      (nil, text("{")), ("u", click("u", "i1")), ("u", nil), (nil, nil),
      ("u", text(#"{"user_id":"u","item_id":"i1","x":"\#(String(repeating: "x", count: 500))"}"#)),
      ("w", click("u", "i1")), ("n", click("n", "unknown")),
      ("u", text(#"{"user_id":"u","item_id":"i1","event_type":"view"}"#)), ("u", click("u", "i2")),
    ])
    var pipeline = try pipeline(records, store: sessions())
    let turn = try pipeline.turn()
    let letters = pipeline.sink.sent.filter { $0.destination == .deadLetters }
    let reasons = letters.map { letter in
      letter.headers.first { $0.name == "dreamstream.error.reason" }?.value
    }
    #expect(
      reasons == ["malformed_json", "missing_key", "oversize", "key_mismatch"].map(text)
    )
    #expect(letters[0].value == text("{"))
    let erasures = pipeline.sink.sent.filter { $0.destination == .suggestions && $0.value == nil }
    #expect(erasures.map(\.key) == [text("u")])
    let made = try suggestions(pipeline.sink)
    #expect(made.map(\.user) == ["u", "n", "u"])
    #expect(made.map(\.sessionLength) == [1, 1, 1])
    #expect(made[1].generation.provenance == .fallbackPopular)
    #expect(made[1].generation.stoppedBy == "no-known-item")
    #expect(made[1].items.map(\.id).first == "i0")
    #expect(turn.unknownItems == 1)
    #expect(pipeline.source.committed == ["clicks/0": 9])
  }

  private func many() -> [Record] {
    log(
      (0..<60).map { n in
        ("u\(n % 7)", click("u\(n % 7)", "i\(n * 13 % 50)", at: 1_700_000_000_000 + n))
      }
    )
  }

  @Test(
    "suggestions are the same bytes whatever the batch",
    arguments: [Shape.Denoiser.linear, .mlp],
    [1, 3, 7, 60]
  )
  func batchIndependent(denoiser: Shape.Denoiser, batch: Int) throws {
    var options = RecommenderOptions()
    options.relativeChange = 0.05
    let model = TinyModel.make(denoiser: denoiser)
    var whole = try pipeline(
      many(),
      store: sessions(),
      model: model,
      batch: 60,
      options: options
    )
    var parts = try pipeline(
      many(),
      store: sessions(),
      model: model,
      batch: batch,
      options: options
    )
    while try !whole.turn().records.isEmpty {}
    while try !parts.turn().records.isEmpty {}
    #expect(whole.sink.sent.map(\.value) == parts.sink.sent.map(\.value))
    #expect(whole.sink.sent.count == 60)
  }

  @Test("denoising stops as the model was calibrated, unless it is told otherwise")
  func calibrated() throws {
    var model = TinyModel.make(denoiser: .mlp)
    model.manifest.serving.relativeChange = 0.99
    func steps(_ options: RecommenderOptions) throws -> Set<Int> {
      var pipeline = try pipeline(many(), store: sessions(), model: model, options: options)
      _ = try pipeline.turn()
      return Set(try suggestions(pipeline.sink).map(\.generation.steps))
    }
    #expect(try steps(RecommenderOptions()).min() == 2)
    var whole = RecommenderOptions()
    whole.relativeChange = 0
    #expect(try steps(whole) == [8])
  }

  @Test("a batch that is delivered again is answered with the same bytes")
  func redelivered() throws {
    let store = sessions()
    var first = try pipeline(many(), store: store)
    _ = try first.turn()
    var second = try pipeline(many(), store: store)
    let turn = try second.turn()
    #expect(turn.views.allSatisfy { $0?.outcome == .redelivered })
    #expect(second.sink.sent.map(\.value) == first.sink.sent.map(\.value))
  }

  @Test("a store or a broker that fails for a while is waited for, and nothing is committed before")
  func waits() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: [down, down])
    var pipeline = try pipeline(many(), store: store)
    let late = PipelineFailure(remedy: .retry, dependency: .kafka, reason: "late")
    pipeline.sink.failures = [late]
    pipeline.source.whileWaiting = { #expect($0.committed.isEmpty) }
    let turn = try pipeline.turn()
    #expect(turn.retries == [.sessions: 2, .kafka: 1])
    #expect(pipeline.source.waitedMs > 0)
    #expect(pipeline.sink.sent.count == 60)
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test("partitions that go while it waits take the batch with them, and it comes again")
  func abandoned() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: [down])
    var pipeline = try pipeline(many(), store: store)
    pipeline.source.whileWaiting = { $0.assignmentEpoch += 1 }
    #expect(try pipeline.turn().abandoned == .partitionsMoved)
    #expect(pipeline.sink.sent.isEmpty && pipeline.source.committed.isEmpty)
    #expect(try pipeline.turn().records.count == 60)
    #expect(pipeline.source.committed == ["clicks/0": 60])
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
    var pipeline = Pipeline(
      source: MemorySource(many()),
      store: store,
      sink: MemorySink(),
      recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
      options: PipelineOptions(fatalAfterMs: 1_000),
      clock: clock.clock
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
    var pipeline = Pipeline(
      source: MemorySource(many()),
      store: store,
      sink: MemorySink(),
      recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
      options: options,
      clock: ManualClock().clock
    )
    #expect(try pipeline.turn().abandoned == .stopping)
    #expect(pipeline.source.committed.isEmpty && pipeline.sink.sent.isEmpty)
    #expect(waits.reasons == ["down"])
  }

  @Test("an outage that ended with its batch does not count for the next one's")
  func outagesApart() throws {
    let down = SessionFailure(remedy: .retry, reason: "down")
    let store = FailingSessions(sessions(), failures: [down, down])
    let clock = ManualClock()
    var pipeline = Pipeline(
      source: MemorySource(many()),
      store: store,
      sink: MemorySink(),
      recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
      options: PipelineOptions(fatalAfterMs: 60_000),
      clock: clock.clock
    )
    pipeline.source.whileWaiting = { $0.assignmentEpoch += 1 }
    #expect(try pipeline.turn().abandoned == .partitionsMoved)
    clock.advance(ms: 3_600_000)
    pipeline.source.whileWaiting = { _ in }
    #expect(try pipeline.turn().abandoned == nil)
    #expect(pipeline.source.committed == ["clicks/0": 60])
  }

  @Test(
    "the latency counts from the click or its message, and is left out where neither has a time"
  )
  func latency() throws {
    var records = log([
      ("u", click("u", "i1", at: 1_600_000_000_000)),
      ("u", click("u", "i2", at: 1_700_000_000_000)),
      ("u", text(#"{"user_id":"u","item_id":"i3"}"#)),
    ])
    for (index, timestampMs) in [1_699_999_999_000, -1, -1].enumerated() {
      records[index].timestampMs = Int64(timestampMs)
    }
    var pipeline = try pipeline(records, store: sessions())
    let turn = try pipeline.turn()
    #expect(turn.latencyMs == [1_000, 0])
    let headers = pipeline.sink.sent.map { message in
      message.headers.first { $0.name == SuggestionHeaders.latencyMs }?.value
    }
    #expect(headers == [text("1000"), text("0"), nil])
  }

  @Test("batches that never stick end it too")
  func neverSticks() throws {
    let clock = ManualClock()
    var pipeline = Pipeline(
      source: MemorySource(many()),
      store: sessions(),
      sink: MemorySink(),
      recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
      options: PipelineOptions(fatalAfterMs: 1_000),
      clock: clock.clock
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

  @Test("a model that gives no number is stood in for, and says so")
  func notFinite() throws {
    let tiny = TinyModel.make()
    var weights = tiny.weights
    weights[.denoiser1Bias] = Array(repeating: .nan, count: 16)
    let broken = Model(manifest: tiny.manifest, weights: weights, items: tiny.items)
    #expect(throws: RecommenderFailure.self) {
      try Recommender(model: broken, options: RecommenderOptions())
    }
    var options = RecommenderOptions()
    options.sampler = .ddim
    var pipeline = try pipeline(many(), store: sessions(), model: broken, options: options)
    _ = try pipeline.turn()
    let made = try suggestions(pipeline.sink)
    #expect(made.count == 60)
    #expect(made.allSatisfy { $0.generation.stoppedBy == "not-finite" && $0.items.count == 20 })
  }

  @Test("a deadline ends the walk after at least one step, and the suggestion says so")
  func deadline() throws {
    var options = RecommenderOptions()
    options.deadlineMs = 0
    var pipeline = try pipeline(
      many(),
      store: sessions(),
      model: TinyModel.make(denoiser: .mlp),
      options: options
    )
    _ = try pipeline.turn()
    let made = try suggestions(pipeline.sink)
    #expect(made.allSatisfy { $0.generation.steps == 1 && $0.generation.stoppedBy == "deadline" })
  }

  @Test("seen and denied items are left out, and the oracle is there when asked for")
  func filters() throws {
    var options = RecommenderOptions()
    options.excludesSeen = true
    options.denied = ["i7"]
    options.includesOracle = true
    options.count = 50
    var pipeline = try pipeline(many(), store: sessions(), options: options)
    let turn = try pipeline.turn()
    for (suggestion, view) in zip(turn.suggestions, turn.views) {
      let items = Set(suggestion?.items.map(\.id) ?? [])
      #expect(items.isDisjoint(with: view?.items ?? []) && !items.contains("i7"))
      #expect(suggestion?.oracle?.count == 16)
    }
  }
}
