import Events
import Learning
import Network
import Pipeline
import Sessions
import Synchronization
import TestSupport
import Testing

/// A log that does not answer while it is down.
private final class Lessons: LessonLog, Sendable {
  let log = MemoryLessons()
  let isFull = Mutex(false)
  let exchanges = Mutex(0)
  let isDown = Mutex(false)
  let handedOn = Mutex<[Lesson]>([])

  func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LessonNews {
    exchanges.withLock { $0 += 1 }
    if isDown.withLock(\.self) { throw LessonFailure(reason: "down") }
    handedOn.withLock { $0 += lessons }
    return log.exchange(lessons)
  }

  func offer(_ state: [UInt8], after number: Int) throws(LessonFailure) {
    if isFull.withLock(\.self) { throw LessonFailure(reason: "full") }
  }
  func beginAnew() {}
}

@Suite("Learning while serving")
struct LearnTests {
  private func pipeline(
    _ records: [Record],
    batch: Int = 1,
    lessons: (any LessonLog & Sendable)? = nil,
    store: some SessionStore = sessions(),
    clock: ManualClock = ManualClock(),
    _ change: (inout RecommenderOptions) -> Void = { _ in }
  ) throws -> Pipeline<MemorySource, some SessionStore, MemorySink> {
    var options = RecommenderOptions()
    options.learns = true
    change(&options)
    let recommender = try Recommender(model: TinyModel.make(), options: options)
    var pipeline = Pipeline(
      source: MemorySource(records),
      store: store,
      sink: MemorySink(),
      recommender: recommender,
      options: PipelineOptions(maxBatch: batch, fatalAfterMs: 1_000),
      clock: clock.clock
    )
    pipeline.learner = lessons.map { LiveLearner(of: recommender.catalogue, log: $0) }
    return pipeline
  }

  private func suggestions(_ sink: MemorySink) throws -> [Suggestion] {
    try sink.sent.compactMap(\.value).map { try SuggestionDecoder.decode($0) }
  }

  @Test("a click teaches what its session was like before it, and nothing else does")
  func lessons() throws {
    let records = log([
      ("u", click("u", "i1", at: 10)), ("u", click("u", "new", at: 11)),
      ("v", click("v", "other", at: 12)), ("u", click("u", "i3", at: 13)),
      ("v", click("v", "i4", at: 14)), ("u", click("u", "i5", at: 1)), ("u", nil),
      ("u", click("u", "i6", at: 15)),
    ])
    var whole = try pipeline(records, batch: 64)
    let lessons = try whole.turn().lessons
    #expect(lessons.map(\.position?.offset) == [1, 3, 4])
    #expect(lessons.map(\.previous) == ["i1", "new", "other"])
    #expect(lessons.map(\.item) == ["new", "i3", "i4"])
    #expect(lessons[2].oracle.isEmpty)
    // Its oracle is the one that was published for the session before.
    var alone = try pipeline(log([("u", click("u", "i1", at: 10))])) { $0.includesOracle = true }
    _ = try alone.turn()
    #expect(try suggestions(alone.sink)[0].oracle == lessons[0].oracle)
  }

  @Test("clicks that are read again, or come again under one event id, teach nothing")
  func redelivered() throws {
    let twice = text(#"{"user_id":"u","item_id":"i2","timestamp":1700000000000,"event_id":"e"}"#)
    let records = log([("u", click("u", "i1")), ("u", twice), ("u", twice)])
    let store = sessions()
    var first = try pipeline(records, batch: 64, store: store)
    #expect(try first.turn().lessons.map(\.position?.offset) == [1])
    var second = try pipeline(records, batch: 64, store: store)
    let again = try second.turn()
    #expect(again.views.map(\.?.outcome) == [.redelivered, .redelivered, .redelivered])
    #expect(again.lessons.isEmpty)
  }

  @Test("an item the model has never seen is suggested after its first click")
  func fresh() throws {
    let records = log([
      ("u", click("u", "i1")), ("u", click("u", "new")), ("v", click("v", "i1")),
    ])
    var pipeline = try pipeline(records, lessons: MemoryLessons())
    for _ in records { _ = try pipeline.turn() }
    let made = try suggestions(pipeline.sink)
    #expect(made.map(\.generation.lessons) == [0, 0, 1])
    #expect(made[2].items.contains { $0.id == "new" } && made[2].items.count == 20)
    #expect(made[..<2].allSatisfy { !$0.items.contains { $0.id == "new" } })
    var denying = try self.pipeline(records, lessons: MemoryLessons()) { $0.denied = ["new"] }
    for _ in records { _ = try denying.turn() }
    #expect(try suggestions(denying.sink)[2].items.allSatisfy { $0.id != "new" })
    var allowing = try self.pipeline(records, lessons: MemoryLessons()) {
      $0.allowed = ["i1", "i2"]
    }
    for _ in records { _ = try allowing.turn() }
    #expect(Set(try suggestions(allowing.sink)[2].items.map(\.id)) == ["i1", "i2"])
  }

  @Test("what is new is left out where it was seen, and says what it rests on")
  func seen() throws {
    let records = log([
      ("u", click("u", "i1")), ("u", click("u", "new", at: 1_700_000_000_001)),
      ("u", click("u", "i1", at: 1_700_000_000_002)), ("v", click("v", "i1")),
    ])
    var pipeline = try pipeline(records, lessons: MemoryLessons()) {
      $0.excludesSeen = true
      $0.causes = 2
    }
    for _ in records { _ = try pipeline.turn() }
    let made = try suggestions(pipeline.sink)
    #expect(made[2].items.allSatisfy { $0.id != "new" })
    let new = try #require(made[3].items.first { $0.id == "new" })
    #expect(new.because != nil)
  }

  @Test("of a session that the model knows nothing of: what follows, as soon as enough is known")
  func unknown() throws {
    var clicks: [(key: String?, value: [UInt8]?)] = [("u", click("u", "new"))]
    for number in 0..<25 { clicks.append(("u", click("u", "i\(24 - number)"))) }
    clicks.append(("v", click("v", "new")))
    // One more, of before that.
    clicks.append(("v", click("v", "newer", at: 1_699_999_999_000)))
    var pipeline = try pipeline(log(clicks), lessons: MemoryLessons())
    for _ in clicks { _ = try pipeline.turn() }
    let made = try suggestions(pipeline.sink)
    #expect(made[0].generation.provenance == .fallbackPopular)
    #expect(made[26].generation.provenance == .fallbackRecent)
    #expect(made[26].items.first?.id == "i24" && made[26].items.count == 20)
    #expect(made[27].sessionLength == 2 && made[27].items == made[26].items)
  }

  @Test("what was clicked last, not what came last, is what others click after")
  func lastClicked() throws {
    let records = log([
      ("u", click("u", "i3")), ("u", click("u", "new")), ("v", click("v", "i3")),
      ("v", click("v", "i5", at: 1_699_999_999_000)),
    ])
    var pipeline = try pipeline(records, lessons: MemoryLessons()) {
      $0.includesOracle = true
      $0.count = 51
    }
    for _ in records { _ = try pipeline.turn() }
    let made = try suggestions(pipeline.sink)
    #expect(made[3].sessionLength == 2)
    let gain = try made[2...].map { suggestion in
      let oracle = try #require(suggestion.oracle)
      // It began as half the oracle of u's first click.
      let product = zip(oracle, try #require(made[0].oracle)).reduce(0) { $0 + $1.0 * $1.1 / 2 }
      return try #require(suggestion.items.first { $0.id == "new" }).score - product
    }
    #expect(gain[0] > 0 && abs(gain[0] - gain[1]) < 1e-3)
  }

  @Test("explanations are of what was learned, of items that the model knows as well")
  func explained() throws {
    let records = log(
      (0..<40).map { ("u", click("u", "i\($0 % 4)", at: 1_700_000_000_000 + $0)) }
        + [("v", click("v", "i1")), ("v", click("v", "i2", at: 1_700_000_000_001))]
    )
    func last(_ lessons: (any LessonLog & Sendable)?) throws -> Suggestion {
      var pipeline = try pipeline(records, lessons: lessons) {
        $0.causes = 2
        $0.count = 50
        $0.includesOracle = true
      }
      for _ in records { _ = try pipeline.turn() }
      return try #require(try suggestions(pipeline.sink).last)
    }
    let (learned, frozen) = (try last(MemoryLessons()), try last(nil))
    #expect(learned.oracle == frozen.oracle)
    func because(_ item: String, _ suggestion: Suggestion) -> [Float] {
      suggestion.items.first { $0.id == item }?.because?.map(\.weight) ?? []
    }
    // Only these four were clicked.
    #expect((0..<4).contains { because("i\($0)", learned) != because("i\($0)", frozen) })
    #expect((4..<50).allSatisfy { because("i\($0)", learned) == because("i\($0)", frozen) })
  }

  @Test("lessons have time as long as answers have")
  func deadlines() throws {
    let records = log([("u", click("u", "i1")), ("u", click("u", "i2")), ("u", click("u", "i3"))])
    var options = RecommenderOptions()
    options.learns = true
    options.deadlineMs = 60_000
    var pipeline = Pipeline(
      source: MemorySource(records),
      store: sessions(),
      sink: MemorySink(),
      recommender: try Recommender(model: TinyModel.make(denoiser: .mlp), options: options),
      options: PipelineOptions(maxBatch: 64, fatalAfterMs: 1_000),
      clock: ManualClock().clock
    )
    let turn = try pipeline.turn()
    #expect(turn.lessons.count == 2 && turn.lessons.allSatisfy { !$0.oracle.isEmpty })
  }

  @Test("with nothing to do it learns what others were taught, once a second")
  func idle() throws {
    let (lessons, clock) = (Lessons(), ManualClock())
    var pipeline = try pipeline(log([]), lessons: lessons, clock: clock)
    for _ in 0..<9 { _ = try pipeline.turn() }
    #expect(lessons.exchanges.withLock(\.self) == 1)
    let position = Position(topic: "clicks", partition: 7, offset: 1)
    _ = MemoryLessons(sharing: lessons.log).exchange([
      Lesson(position: position, oracle: [], previous: "a", item: "b")
    ])
    clock.advance(ms: 1_000)
    #expect(try pipeline.turn().learned?.lessons == 1)
    #expect(try pipeline.turn().learned == nil)
    #expect(lessons.exchanges.withLock(\.self) == 2)
  }

  @Test("a log that takes no state is told of")
  func full() throws {
    let lessons = Lessons()
    lessons.isFull.withLock { $0 = true }
    _ = MemoryLessons(sharing: lessons.log).exchange(
      (0..<LiveLearner.keepEvery).map { number in
        let position = Position(topic: "clicks", partition: 7, offset: Int64(number))
        return Lesson(position: position, oracle: [], previous: "a", item: "b")
      }
    )
    var pipeline = try pipeline(log([]), lessons: lessons)
    let turn = try pipeline.turn()
    #expect(turn.learning == .failed("full"))
    #expect(turn.learned?.lessons == LiveLearner.keepEvery)
  }

  @Test("a log that does not answer holds nothing up, and is told later")
  func down() throws {
    let records = log([("u", click("u", "i1")), ("u", click("u", "i2")), ("u", click("u", "i3"))])
    let (lessons, clock) = (Lessons(), ManualClock())
    lessons.isDown.withLock { $0 = true }
    var pipeline = try pipeline(records, lessons: lessons, clock: clock)
    #expect(try pipeline.turn().learning == .failed("down"))
    // It is not asked again at once.
    #expect(try pipeline.turn().learning == nil)
    #expect(pipeline.sink.stored == 2)
    lessons.isDown.withLock { $0 = false }
    clock.advance(ms: 1_000)
    let turn = try pipeline.turn()
    #expect(turn.learning == .succeeded && turn.learned?.lessons == 2)
    #expect(lessons.handedOn.withLock(\.self).map(\.item) == ["i2", "i3"])
  }

  @Test("a batch that comes again is not answered by what it taught, which is learned once")
  func again() throws {
    let records = log([
      ("u", click("u", "i1")), ("u", click("u", "new")), ("v", click("v", "i1")),
    ])
    var pipeline = try pipeline(records, batch: 2, lessons: MemoryLessons())
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    pipeline.sink.failures = [expired]
    #expect(try pipeline.turn().abandoned == .failed(expired))
    let turn = try pipeline.turn()
    #expect(turn.abandoned == nil && turn.learned?.lessons == 1)
    _ = try pipeline.turn()
    let made = try suggestions(pipeline.sink)
    #expect(made.count == 5 && made[0] == made[2] && made[1] == made[3])
    #expect(made[4].items.contains { $0.id == "new" })
  }

  @Test("what others were taught is known from the first click on; what waits is handed on at last")
  func fromTheStart() throws {
    let book = MemoryLessons()
    let taught = log([("u", click("u", "i1")), ("u", click("u", "new"))])
    var one = try pipeline(taught, batch: 2, lessons: MemoryLessons(sharing: book))
    let expired = PipelineFailure(remedy: .again, dependency: .kafka, reason: "expired")
    one.sink.failures = [expired]
    _ = try one.turn()
    #expect(MemoryLessons(sharing: book).exchange([]).total == 0)
    try one.finish()
    var other = try pipeline(
      log([("v", click("v", "i1"))]),
      lessons: MemoryLessons(sharing: book)
    )
    let turn = try other.turn()
    #expect(turn.learned?.lessons == 1)
    #expect(try suggestions(other.sink)[0].items.contains { $0.id == "new" })
  }

  @Test("without a learner, lessons change no byte of what is published but their number")
  func still() throws {
    let records = log((0..<30).map { ("u", click("u", "i\($0 % 7)")) })
    var learning = try pipeline(records, batch: 64)
    var plain = try pipeline(records, batch: 64) { $0.learns = false }
    #expect(try learning.turn().lessons.count == 29)
    #expect(try plain.turn().lessons.isEmpty)
    var made = try suggestions(learning.sink)
    for index in made.indices { made[index].generation.lessons = nil }
    #expect(try made == suggestions(plain.sink))
  }
}
