/// Why a catalogue cannot be made.
package struct MatchingFailure: Error, Equatable, CustomStringConvertible {
  package enum Remedy: Sendable {
    /// The model is wrong, and stays so.
    case stop
  }

  package let remedy = Remedy.stop
  /// What is wrong, in words.
  package let reason: String

  package var description: String { reason }
}
