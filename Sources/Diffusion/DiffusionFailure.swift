/// Why a schedule, a sampler or a stopping rule cannot be built.
package struct DiffusionFailure: Error, Equatable, CustomStringConvertible {
  package enum Remedy: Sendable {
    /// The configuration or the model is wrong, and stays so.
    case stop
  }

  package let remedy = Remedy.stop
  /// What is wrong and what would be right, in words.
  package let reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { reason }
}
