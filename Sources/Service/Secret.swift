/// A value that may be used but never shown.
package struct Secret: Equatable, Sendable {
  /// What is printed in its place.
  package static let mask = "••••"

  private let value: String

  package init(_ value: String) { self.value = value }

  /// Hands the value out, for the call that needs it and nothing else.
  package func reveal() -> String { value }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { Self.mask }
  package var debugDescription: String { Self.mask }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret {
  /// Says whether a librdkafka property carries a secret, by its name.
  static func isNamed(byProperty name: String) -> Bool {
    let marks = ["password", "secret", "key.pem", "token", "sasl.jaas", "oauthbearer.config"]
    let name = name.lowercased()
    return marks.contains { name.contains($0) }
  }

  /// Hides the credentials of an address such as `redis://user:password@host`.
  static func masked(inAddress text: String) -> String {
    guard let at = text.lastIndex(of: "@") else { return text }
    let scheme = text.firstRange(of: "://")?.upperBound ?? text.startIndex
    if at < scheme { return text }
    return text[..<scheme] + mask + text[at...]
  }
}

/// librdkafka properties, whose secret ones are not shown.
package struct KafkaProperties: Equatable, Sendable {
  package internal(set) var values: [String: String] = [:]
}

extension KafkaProperties: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
  /// Name and value by name, secrets masked.
  var shown: [(name: String, value: String)] {
    values.sorted { $0.key < $1.key }.map { name, value in
      (name, Secret.isNamed(byProperty: name) ? Secret.mask : value)
    }
  }

  package var description: String {
    shown.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
  }
  package var debugDescription: String { description }
  package var customMirror: Mirror {
    Mirror(self, children: shown.map { (label: $0.name, value: $0.value as Any) })
  }
}
