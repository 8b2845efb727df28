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
  /// Lessons that were let go of.
  package private(set) var dropped = 0

  package init(of catalogue: Catalogue, log: any LessonLog & Sendable) {
    live = LiveItems(of: catalogue)
    self.log = log
  }

  /// Hands lessons on, and learns what all have handed on.
  ///
  /// - Returns: What is known now, or `nil` if nothing is new.
  /// - Throws: If the log did not answer: the lessons go with the next call.
  package mutating func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LiveTable? {
    waiting += lessons
    let surplus = waiting.count - Self.waitingLimit
    if surplus > 0 {
      waiting.removeFirst(surplus)
      dropped += surplus
    }
    let news = try log.exchange(waiting)
    waiting.removeAll(keepingCapacity: true)
    switch news.start {
    case .here: if news.lessons.isEmpty { return nil }
    case .beginning: live = LiveItems(of: live.catalogue, settings: live.settings)
    case .state(let state):
      guard
        let other = LiveItems(of: live.catalogue, settings: live.settings, encoded: state)
      else { throw LessonFailure(reason: "the state in the log of lessons cannot be read") }
      live = other
    }
    for lesson in news.lessons { live.learn(lesson) }
    if live.lessons - news.kept >= Self.keepEvery {
      try log.offer(live.encoded, after: live.lessons)
    }
    return LiveTable(live)
  }
}
