package import Matching

/// Learns from a log of lessons, and adds to it.
package struct LiveLearner: Sendable {
  /// After so many lessons the log is handed a state, and lets go of them.
  package static let keepEvery = 4_096
  /// Lessons that wait for a log that does not answer; then the oldest are let go of.
  package static let waitingLimit = 4_096

  private var live: LiveItems
  private var log: any LessonLog & Sendable
  private var waiting: [Lesson] = []
  /// After how many lessons a state was last handed in, or was to be.
  private var offered = 0
  /// Whether there are lessons it has not been told of, as far as it knows.
  package private(set) var isBehind = true
  /// Why the log did not take the state; it is offered again some thousand lessons later.
  package private(set) var trouble: String?

  package init(of catalogue: Catalogue, log: any LessonLog & Sendable) {
    live = LiveItems(of: catalogue)
    self.log = log
  }

  /// Keeps lessons for the next exchange.
  ///
  /// - Returns: How many were let go of.
  package mutating func wait(_ lessons: [Lesson]) -> Int {
    waiting += lessons
    let surplus = max(0, waiting.count - Self.waitingLimit)
    waiting.removeFirst(surplus)
    return surplus
  }

  /// Hands on the lessons that wait, and learns what all have handed on.
  ///
  /// - Returns: What is known now, or `nil` if nothing is new.
  /// - Throws: If the log did not answer: the lessons wait on.
  package mutating func exchange() throws(LessonFailure) -> LiveTable? {
    let news = try log.exchange(waiting)
    waiting.removeAll(keepingCapacity: true)
    switch news.start {
    case .here: break
    case .beginning: live = LiveItems(of: live.catalogue, settings: live.settings)
    case .state(let state):
      guard
        let other = LiveItems(of: live.catalogue, settings: live.settings, encoded: state)
      else {
        log.beginAnew()
        throw LessonFailure(reason: "the state in the log of lessons cannot be read")
      }
      live = other
    }
    if news.start != .here { offered = news.kept }
    for lesson in news.lessons {
      if let lesson { live.learn(lesson) } else { live.pass() }
    }
    isBehind = !news.lessons.isEmpty && live.lessons < news.total
    offer(kept: news.kept)
    return news.start == .here && news.lessons.isEmpty ? nil : LiveTable(live)
  }

  private mutating func offer(kept: Int) {
    offered = max(offered, kept)
    if live.lessons - offered < Self.keepEvery { return }
    offered = live.lessons
    do throws(LessonFailure) {
      try log.offer(live.encoded, after: live.lessons)
      trouble = nil
    } catch {
      trouble = error.reason
    }
  }
}
