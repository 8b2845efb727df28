import Events
import Matching
import Synchronization
import Testing

@testable import Learning

/// A log that does not answer now and then.
private final class Flaky: LessonLog, Sendable {
  private let log = MemoryLessons()
  let isDown = Mutex(false)
  let offered = Mutex<[Int]>([])

  private func check() throws(LessonFailure) {
    if isDown.withLock(\.self) { throw LessonFailure(reason: "down") }
  }

  func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LessonNews {
    try check()
    return log.exchange(lessons)
  }

  func offer(_ state: [UInt8], after number: Int) throws(LessonFailure) {
    try check()
    offered.withLock { $0.append(number) }
    log.offer(state, after: number)
  }
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
    for number in 0...limit {
      #expect(throws: LessonFailure(reason: "down")) {
        _ = try learner.exchange([Stream.lesson(number)])
      }
    }
    #expect(learner.dropped == 1)
    log.isDown.withLock { $0 = false }
    #expect(try learner.exchange([])?.lessons == limit)
    #expect(try learner.exchange([]) == nil)
  }

  @Test("who comes late begins with the state that was handed in, and knows the same")
  func late() throws {
    let log = Flaky()
    var one = LiveLearner(of: try Stream.catalogue(), log: log)
    let keepEvery = LiveLearner.keepEvery
    for start in stride(from: 0, to: keepEvery - 96, by: 100) {
      _ = try one.exchange((start..<(start + 100)).map { Stream.lesson($0) })
    }
    #expect(log.offered.withLock(\.self) == [])
    _ = try one.exchange((keepEvery - 96..<keepEvery + 9).map { Stream.lesson($0) })
    #expect(log.offered.withLock(\.self) == [keepEvery + 9])
    let last = try one.exchange([Stream.lesson(keepEvery + 20)])
    var late = LiveLearner(of: try Stream.catalogue(), log: log)
    // The same reader of the log: it is told nothing twice.
    #expect(try late.exchange([]) == nil)
    #expect(last?.lessons == keepEvery + 10)
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
    var damaged = LiveLearner(of: catalogue, log: MemoryLessons(sharing: log))
    log.offer([1], after: 9)
    #expect(throws: LessonFailure.self) { _ = try damaged.exchange([]) }
  }
}
