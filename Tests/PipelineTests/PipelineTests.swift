import Events
import Network
import Pipeline
import Sessions
import TestSupport
import Testing

@Suite("Pipeline")
struct PipelineTests {
  func pipeline<Store: SessionStore>(
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
    #expect(Set(turn.nanoseconds.keys) == Set(Turn.Stage.allCases).subtracting([.learn]))
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

  func many() -> [Record] {
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
    model.manifest.serving.patience = 3
    #expect(try steps(RecommenderOptions()).min() == 4)
    var hasty = RecommenderOptions()
    hasty.patience = 1
    #expect(try steps(hasty).min() == 2)
  }

  @Test("guidance is as strong as the model was calibrated, unless it is told otherwise")
  func guided() throws {
    var model = TinyModel.make(denoiser: .mlp)
    model.manifest.serving.guidance = 3
    func made(_ guidance: Float?) throws -> [Suggestion] {
      var options = RecommenderOptions()
      options.guidance = guidance
      var pipeline = try pipeline(many(), store: sessions(), model: model, options: options)
      _ = try pipeline.turn()
      return try suggestions(pipeline.sink)
    }
    let calibrated = try made(nil)
    #expect(calibrated.allSatisfy { $0.generation.guidance == 3 })
    #expect(try made(3) == calibrated)
    let told = try made(0)
    #expect(told.allSatisfy { $0.generation.guidance == 0 })
    #expect(told.map(\.items) != calibrated.map(\.items))
  }

  @Test("what is drawn for a click is its user's own, and changes with each click of the user")
  func noise() throws {
    var options = RecommenderOptions()
    options.includesOracle = true
    let records = log(
      ["u", "v"].flatMap { user in Array(repeating: (user, click(user, "i1")), count: 7) }
    )
    var pipeline = try pipeline(records, store: sessions(), options: options)
    let turn = try pipeline.turn()
    // Five clicks on one item, whichever they were: only the draw tells these sessions apart.
    let full = turn.views.indices.filter { turn.views[$0]?.items.count == 5 }
    #expect(full.count == 6)
    #expect(Set(full.map { turn.suggestions[$0]?.oracle }).count == 6)
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

  @Test(
    "the latency counts from the click or its message, and is left out where neither has a time"
  )
  func latency() throws {
    var records = log([
      ("u", click("u", "i1", at: 1_600_000_000_000)),
      ("u", click("u", "i2", at: 1_700_000_000_000)),
      ("u", text(#"{"user_id":"u","item_id":"i3"}"#)),
      // Of a clock that is ahead of ours.
      ("u", click("u", "i4", at: 1_700_000_005_000)),
    ])
    for (index, timestampMs) in [1_699_999_999_000, -1, -1, -1].enumerated() {
      records[index].timestampMs = Int64(timestampMs)
    }
    var pipeline = try pipeline(records, store: sessions())
    let turn = try pipeline.turn()
    #expect(turn.latencyMs == [1_000, 0, 0])
    let headers = pipeline.sink.sent.map { message in
      message.headers.first { $0.name == SuggestionHeaders.latencyMs }?.value
    }
    #expect(headers == [text("1000"), text("0"), nil, text("0")])
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
    options.excludesSeen = true
    var pipeline = try pipeline(many(), store: sessions(), model: broken, options: options)
    let turn = try pipeline.turn()
    let made = try suggestions(pipeline.sink)
    #expect(made.count == 60)
    for (suggestion, view) in zip(made, turn.views) {
      #expect(Set(suggestion.items.map(\.id)).isDisjoint(with: view?.items ?? []))
    }
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
    // Sessions are longer than what the encoder reads of them.
    var pipeline = try pipeline(many(), store: sessions(maxLength: 8), options: options)
    let turn = try pipeline.turn()
    for (suggestion, view) in zip(turn.suggestions, turn.views) {
      let items = Set(suggestion?.items.map(\.id) ?? [])
      #expect(items.isDisjoint(with: view?.items ?? []) && !items.contains("i7"))
      #expect(suggestion?.oracle?.count == 16)
    }
  }

  @Test("a suggestion that its topic has no room for is shortened, and says so")
  func shortened() throws {
    var options = PipelineOptions()
    options.maxSuggestionBytes = 500
    var pipeline = try plainPipeline(log([("u", click("u", "i1"))]), store: sessions(), options)
    _ = try pipeline.turn()
    let message = try #require(pipeline.sink.sent.first)
    #expect(message.value?.count ?? .max <= 500)
    #expect(message.headers.contains { $0.name == SuggestionHeaders.shortened })
  }
}
