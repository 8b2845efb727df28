import ArgumentParser

/// librdkafka properties of a command.
struct PropertyOptions: ParsableArguments {
  @Option(name: .customLong("set"), help: "A librdkafka property: name=value; may be repeated.")
  var properties: [String] = []

  func validate() throws {
    for property in properties where !property.contains("=") {
      throw ValidationError("--set is \(property); it wants name=value")
    }
  }

  /// All properties of a client of `brokers`.
  func settings(brokers: String) -> [String: String] {
    var settings = ["bootstrap.servers": brokers, "linger.ms": "5"]
    for property in properties {
      let parts = property.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      settings[String(parts[0])] = String(parts[1])
    }
    return settings
  }
}
