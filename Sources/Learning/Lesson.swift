package import Events

/// What a click teaches: to whom the item was of interest.
package struct Lesson: Equatable, Sendable {
  /// The click's record; `nil` in a lesson that a log tells of.
  ///
  /// A lesson is learned once, however often its click is read.
  package var position: Position?
  /// x̂₀ of the session before the click as far as it is remembered, (d): empty if that had no item
  /// that the model knows.
  package var oracle: [Float]
  /// The item clicked before.
  package var previous: String
  /// The item clicked.
  package var item: String

  package init(position: Position?, oracle: [Float], previous: String, item: String) {
    self.position = position
    self.oracle = oracle
    self.previous = previous
    self.item = item
  }
}

/// Where the lessons of all workers meet: a log that each adds to, and all read in one order.
package protocol LessonLog {
  /// Adds lessons, each position at most once ever and each partition's in order, and tells what
  /// there is that this reader has not been told yet, in steps of some thousand.
  mutating func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LessonNews

  /// Hands in the state after the first `number` lessons, which the log then need not keep: who
  /// comes later begins with it.
  mutating func offer(_ state: [UInt8], after number: Int) throws(LessonFailure)

  /// Forgets what this reader was told: the next exchange begins with the state.
  mutating func beginAnew()
}

/// What is new in a log of lessons.
package struct LessonNews: Equatable, Sendable {
  package enum Start: Equatable, Sendable {
    /// From where the reader is.
    case here
    /// From a state handed in: the reader has learned nothing yet, or something else.
    case state([UInt8])
    /// From the beginning.
    case beginning
  }

  package var start: Start
  /// In their order; `nil` for what nobody can read.
  package var lessons: [Lesson?]
  /// After how many lessons of all the state is that was handed in last.
  package var kept: Int
  /// How many lessons there are, these and those before and after them.
  package var total: Int

  package init(start: Start = .here, lessons: [Lesson?] = [], kept: Int = 0, total: Int = 0) {
    self.start = start
    self.lessons = lessons
    self.kept = kept
    self.total = total
  }
}

/// Why lessons could not be exchanged just now.
package struct LessonFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { reason }
}
