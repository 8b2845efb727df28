/// One setting of the worker: where it stands, what it takes, and what it is for.
package struct Setting: Sendable {
  /// Where it stands in the file; ends in `.*` where any name may follow.
  package let key: String
  /// What a value must be.
  package let rule: String
  /// What holds when nothing is given, in Markdown; empty for nothing.
  package let standard: String
  package let purpose: String
  package let isSecret: Bool

  /// Takes a value over, given the full key, and says whether the rule allows it.
  let assign: @Sendable (_ key: String, _ text: String, inout Configuration) -> Bool
  /// The key and value, or several where any name may follow, secrets masked.
  let shown: @Sendable (Configuration) -> [(key: String, text: String)]

  init<Value: Sendable>(
    _ key: String,
    _ path: any WritableKeyPath<Configuration, Value> & Sendable,
    _ rule: Rule<Value>,
    standard: String? = nil,
    isSecret: Bool = false,
    _ purpose: String
  ) {
    self.key = key
    self.rule = rule.words
    let written = rule.print(Configuration()[keyPath: path])
    self.standard = standard ?? (written.isEmpty ? "" : "`\(written)`")
    self.purpose = purpose
    self.isSecret = isSecret
    assign = { _, text, configuration in
      guard let value = rule.parse(text) else { return false }
      configuration[keyPath: path] = value
      return true
    }
    shown = { configuration in
      let text = rule.print(configuration[keyPath: path])
      return [(key, isSecret && !text.isEmpty ? Secret.mask : Secret.masked(inAddress: text))]
    }
  }

  /// Settings whose names librdkafka knows, and we do not.
  init(
    properties prefix: String,
    _ path: any WritableKeyPath<Configuration, KafkaProperties> & Sendable,
    _ purpose: String
  ) {
    key = prefix + ".*"
    rule = "a property that librdkafka knows, and that is not the worker's own to set"
    standard = ""
    self.purpose = purpose
    isSecret = false
    assign = { key, text, configuration in
      let name = String(key.dropFirst(prefix.count + 1))
      if Settings.ownProperties[name] != nil { return false }
      configuration[keyPath: path].values[name] = text
      return true
    }
    shown = { configuration in
      configuration[keyPath: path].shown.map { ("\(prefix).\($0.name)", $0.value) }
    }
  }

  /// `kafka.properties` for `kafka.properties.*`, and `nil` for a setting with one name.
  var openPrefix: String? { key.hasSuffix(".*") ? String(key.dropLast(2)) : nil }

  /// The variable that sets it; for `kafka.properties.*`, what the variable's name begins with.
  package var variable: String {
    Settings.variablePrefix
      + (openPrefix.map { $0 + "__" } ?? key).uppercased().replacing(".", with: "_")
  }
}
