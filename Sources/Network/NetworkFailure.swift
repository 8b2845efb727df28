/// Why a model could not be read or written: file, field, what was expected, what was found.
package struct NetworkFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the caller may do next.
  package enum Remedy: Equatable, Sendable {
    /// The file could not be reached; it may be there in a moment.
    case retry
    /// The content is wrong and stays wrong.
    case stop
  }

  package let remedy: Remedy
  package let file: String
  /// The part of the file that differs, as a path: `shape.width`, `tensor ln_1.bias`, `line 7`;
  /// empty when the file could not be reached.
  package let field: String
  package let expected: String
  package let found: String

  package init(
    _ file: String,
    field: String,
    expected: String,
    found: String,
    remedy: Remedy = .stop
  ) {
    self.remedy = remedy
    self.file = file
    self.field = field
    self.expected = expected
    self.found = found
  }

  /// A file that could not be read or written, and why.
  init(_ file: String, unreachable reason: String) {
    self.init(file, field: "", expected: "", found: reason, remedy: .retry)
  }

  package var reason: String {
    field.isEmpty ? "\(file): \(found)" : "\(file): \(field): expected \(expected), found \(found)"
  }

  /// What to do about a model that cannot be read; `setting` is the option or the setting that says
  /// where it is.
  package func advice(directoryBy setting: String) -> String {
    field.isEmpty
      ? "train one with `dreamstream train --output DIR`, or give its directory with \(setting)"
      : "the model is damaged or half copied: copy or train it again"
  }

  package var description: String { reason }
}
