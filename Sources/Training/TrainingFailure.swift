/// Why training stopped or cannot begin, and what to do about it.
package struct TrainingFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Remedy: Equatable, Sendable {
    /// The input or a setting must change first.
    case stop
    /// A file could not be reached; the same call may succeed later.
    case retry
  }

  package let remedy: Remedy
  /// What is wrong and what would be right, in words.
  package let reason: String

  package init(_ reason: String, remedy: Remedy = .stop) {
    self.reason = reason
    self.remedy = remedy
  }

  package var description: String { reason }
}
