import Events
import Matching
import Synchronization
import Testing

@testable import Learning

/// A log that does not answer now and then.
private final class Flaky: LessonLog, Sendable {
  let log = MemoryLessons()
  let isDown = Mutex(false)
  let isFull = Mutex(false)
  let offered = Mutex<[Int]>([])
  let states = Mutex<[[UInt8]]>([])

  private func check() throws(LessonFailure) {
    if isDown.withLock(\.self) { throw LessonFailure(reason: "down") }
  }

  func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LessonNews {
    try check()
    return log.exchange(lessons)
  }

  func beginAnew() { log.beginAnew() }

  func offer(_ state: [UInt8], after number: Int) throws(LessonFailure) {
    if isFull.withLock(\.self) { throw LessonFailure(reason: "full") }
    offered.withLock { $0.append(number) }
    states.withLock { $0.append(state) }
    log.offer(state, after: number)
  }
}

/// A log that tells what a test wants.
private final class Scripted: LessonLog, Sendable {
  let news = Mutex<[LessonNews]>([])
  let offered = Mutex<[Int]>([])

  init(_ news: [LessonNews]) { self.news.withLock { $0 = news } }

  func exchange(_ lessons: [Lesson]) -> LessonNews { news.withLock { $0.removeFirst() } }
  func offer(_ state: [UInt8], after number: Int) { offered.withLock { $0.append(number) } }
  func beginAnew() {}
}

@Suite("Live learner")
struct LiveLearnerTests {
  private func scores(_ table: LiveTable?) throws -> [Match] {
    var matcher = LiveMatcher(try #require(table), filter: nil) { _ in true }
    matcher.match([1, 2, -1, 0.5].span, after: ["i3"], with: try Stream.catalogue(), k: 9)
    return Array(matcher[0])
  }

  @Test("all who share a log know the same, and a lesson that is handed on twice is learned once")
  func shared() throws {
    let catalogue = try Stream.catalogue()
    let log = MemoryLessons()
    var one = LiveLearner(of: catalogue, log: log)
    var other = LiveLearner(of: catalogue, log: MemoryLessons(sharing: log))
    let lessons = Stream.lessons(100)
    _ = try one.exchange(Array(lessons[..<60]))
    let first = try one.exchange(Array(lessons[40..<100]))
    let second = try other.exchange([])
    #expect(first?.lessons == 100 && second?.lessons == 100)
    #expect(try scores(first) == scores(second))
    #expect(try other.exchange([lessons[99]]) == nil)
    #expect(try one.exchange([]) == nil)
    var elsewhere = lessons[0]
    elsewhere.position?.partition = 1
    #expect(try other.exchange([elsewhere])?.lessons == 101)
  }

  @Test("lessons wait for a log that does not answer, the newest, and go with the next")
  func waits() throws {
    let log = Flaky()
    var learner = LiveLearner(of: try Stream.catalogue(), log: log)
    log.isDown.withLock { $0 = true }
    let limit = LiveLearner.waitingLimit
    #expect(learner.wait((0..<limit).map { Stream.lesson($0) }) == 0)
    #expect(throws: LessonFailure(reason: "down")) { _ = try learner.exchange() }
    #expect(learner.wait([Stream.lesson(limit), Stream.lesson(limit + 1)]) == 2)
    log.isDown.withLock { $0 = false }
    #expect(try learner.exchange()?.lessons == limit)
    let all = MemoryLessons(sharing: log.log).exchange([])
    let states = log.states.withLock(\.self)
    #expect(all.start == .state(states[0]) && states.count == 1)
    #expect(try learner.exchange() == nil)
    var plain = LiveItems(of: try Stream.catalogue())
    for number in 2..<(limit + 2) { plain.learn(Stream.lesson(number)) }
    #expect(states[0] == plain.encoded)
  }

  @Test("who comes late begins with the state that was handed in, and knows the same")
  func late() throws {
    let log = Flaky()
    var one = LiveLearner(of: try Stream.catalogue(), log: log)
    #expect(one.isBehind)
    let keepEvery = LiveLearner.keepEvery
    _ = try one.exchange((0..<keepEvery - 1).map { Stream.lesson($0) })
    #expect(!one.isBehind)
    #expect(log.offered.withLock(\.self) == [])
    _ = try one.exchange((keepEvery - 1..<keepEvery + 9).map { Stream.lesson($0) })
    #expect(log.offered.withLock(\.self) == [keepEvery + 9])
    let table = try one.exchange([Stream.lesson(keepEvery + 20)])
    var late = LiveLearner(of: try Stream.catalogue(), log: MemoryLessons(sharing: log.log))
    let same = try late.exchange([])
    #expect(same?.lessons == keepEvery + 10 && table?.lessons == keepEvery + 10)
    #expect(try scores(table) == scores(same))
  }

  @Test("a log that takes no state is offered another some thousand lessons later")
  func full() throws {
    let log = Flaky()
    log.isFull.withLock { $0 = true }
    var learner = LiveLearner(of: try Stream.catalogue(), log: log)
    let keepEvery = LiveLearner.keepEvery
    #expect(try learner.exchange((0..<keepEvery).map { Stream.lesson($0) })?.lessons == keepEvery)
    #expect(learner.trouble == "full")
    log.isFull.withLock { $0 = false }
    #expect(try learner.exchange([Stream.lesson(keepEvery)])?.lessons == keepEvery + 1)
    #expect(learner.trouble == "full" && log.offered.withLock(\.self) == [])
    _ = try learner.exchange((keepEvery + 1..<2 * keepEvery).map { Stream.lesson($0) })
    #expect(learner.trouble == nil && log.offered.withLock(\.self) == [2 * keepEvery])
  }

  @Test("a reader of a log in memory that is behind its state is given that")
  func behind() throws {
    let catalogue = try Stream.catalogue()
    let log = MemoryLessons()
    var live = LiveItems(of: catalogue)
    let lessons = Stream.lessons(10)
    _ = log.exchange(lessons)
    for lesson in lessons[..<7] { live.learn(lesson) }
    log.offer(live.encoded, after: 7)
    log.offer([1], after: 7)
    log.offer([1], after: 11)
    let news = MemoryLessons(sharing: log).exchange([])
    #expect(news.start == .state(live.encoded) && news.kept == 7 && news.total == 10)
    #expect(news.lessons == Array(lessons[7...]))
    var late = LiveLearner(of: catalogue, log: MemoryLessons(sharing: log))
    let table = try late.exchange([])
    for lesson in lessons[7...] { live.learn(lesson) }
    #expect(try scores(table) == scores(LiveTable(live)))
  }

  @Test("a log that begins anew is begun with anew, and handed a state in its time")
  func anew() throws {
    let keepEvery = LiveLearner.keepEvery
    let many = Stream.lessons(keepEvery)
    let log = Scripted([
      LessonNews(start: .beginning, lessons: many, total: keepEvery),
      LessonNews(start: .beginning),
      LessonNews(start: .beginning, lessons: many, total: keepEvery),
    ])
    var learner = LiveLearner(of: try Stream.catalogue(), log: log)
    #expect(try learner.exchange()?.lessons == keepEvery)
    let empty = try learner.exchange()
    #expect(empty?.lessons == 0 && empty?.count == 0)
    #expect(try learner.exchange()?.lessons == keepEvery)
    #expect(log.offered.withLock(\.self) == [keepEvery, keepEvery])
  }

  @Test("what somebody else has handed in need not be handed in again; what is no lesson counts")
  func kept() throws {
    let keepEvery = LiveLearner.keepEvery
    let log = Scripted([
      LessonNews(start: .here, lessons: Stream.lessons(9) + [nil], total: keepEvery),
      LessonNews(
        lessons: Stream.lessons(keepEvery - 10),
        kept: keepEvery - 100,
        total: keepEvery
      ),
      LessonNews(kept: keepEvery - 100, total: keepEvery),
    ])
    var learner = LiveLearner(of: try Stream.catalogue(), log: log)
    #expect(try learner.exchange()?.lessons == 10)
    #expect(learner.isBehind)
    #expect(try learner.exchange()?.lessons == keepEvery)
    #expect(!learner.isBehind && log.offered.withLock(\.self) == [])
    #expect(try learner.exchange() == nil)
  }

  @Test("a state that cannot be read is no beginning, however often it is asked for")
  func unreadable() throws {
    let log = MemoryLessons()
    _ = log.exchange(Stream.lessons(10))
    log.offer([1], after: 9)
    var late = LiveLearner(of: try Stream.catalogue(), log: MemoryLessons(sharing: log))
    for number in 10..<13 {
      #expect(throws: LessonFailure.self) { _ = try late.exchange([Stream.lesson(number)]) }
    }
    #expect(log.exchange([]).total == 13)
  }
}

extension LiveLearner {
  fileprivate mutating func exchange(_ lessons: [Lesson]) throws -> LiveTable? {
    _ = wait(lessons)
    return try exchange()
  }
}
