/// Everything that is wrong with a configuration, found in one pass.
package struct ConfigurationFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// One thing that is wrong.
  package struct Problem: Equatable, Sendable, CustomStringConvertible {
    package let key: String
    /// As it may be shown; `nil` where there is none, or where it might be a secret.
    package let value: String?
    /// A flag, a variable, or a file and line.
    package let origin: String
    /// What is asked for.
    package let rule: String
    /// What to do.
    package let remedy: String

    init(key: String, value: String? = nil, origin: String, rule: String, remedy: String) {
      self.key = key
      self.value = value.map { text in
        let line = text.map { $0.isNewline ? " " : String($0) }.joined()
        return line.count <= 80 ? line : line.prefix(80) + "…"
      }
      self.origin = origin
      self.rule = rule
      self.remedy = remedy
    }

    package var description: String {
      "\(key)\(value.map { " = \"\($0)\"" } ?? "") (\(origin)): \(rule); \(remedy)"
    }
  }

  package let problems: [Problem]

  package var description: String { problems.map(\.description).joined(separator: "\n") }
}
