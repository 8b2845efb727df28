extension Settings {
  static let variablePrefix = "DREAMSTREAM_"

  private static let fileSuffix = "_file"
  private static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })
  private static let openPrefixes = all.compactMap(\.openPrefix)
  private static let byVariable = Dictionary(
    uniqueKeysWithValues: all.filter { $0.openPrefix == nil }.map { ($0.variable, $0.key) }
  )
  static let variables = byVariable.keys.sorted()

  /// The setting a full key belongs to.
  static func setting(of key: String) -> Setting? {
    if let setting = byKey[key], setting.openPrefix == nil { return setting }
    return openPrefixes.first { key.hasPrefix($0 + ".") && key.count > $0.count + 1 }
      .flatMap { byKey[$0 + ".*"] }
  }

  /// The key whose value this one gives, itself or by a file: `redis.password_file` for
  /// `redis.password`.
  static func stem(of key: String) -> (key: String, isPath: Bool)? {
    if byKey[key]?.openPrefix == nil, byKey[key] != nil { return (key, false) }
    if key.hasSuffix(fileSuffix) {
      let stem = String(key.dropLast(fileSuffix.count))
      if setting(of: stem) != nil { return (stem, true) }
    }
    return setting(of: key).map { _ in (key, false) }
  }

  /// Whether the key is that of a librdkafka property.
  static func isProperty(_ key: String) -> Bool { setting(of: key)?.openPrefix != nil }

  /// Whether a value under this key must not be shown.
  static func isSecret(_ key: String) -> Bool {
    guard let setting = setting(of: key) else { return true }
    guard let prefix = setting.openPrefix else { return setting.isSecret }
    return Secret.isNamed(byProperty: String(key.dropFirst(prefix.count + 1)))
  }

  /// Whether settings stand below this key.
  static func isSection(_ key: String) -> Bool { all.contains { $0.key.hasPrefix(key + ".") } }

  /// The key a variable sets: `DREAMSTREAM_BATCH_MAX_SIZE` sets `batch.max_size`,
  /// `DREAMSTREAM_KAFKA_PROPERTIES__SASL_USERNAME` sets `kafka.properties.sasl.username`, and
  /// `_FILE` after either names a file.
  static func key(ofVariable name: String) -> String? {
    if let key = byVariable[name] { return key }
    let suffix = fileSuffix.uppercased()
    if name.hasSuffix(suffix), let key = Self.key(ofVariable: String(name.dropLast(suffix.count))) {
      return key + fileSuffix
    }
    for setting in all where setting.openPrefix != nil && name.hasPrefix(setting.variable) {
      let property = name.dropFirst(setting.variable.count)
      if property.isEmpty { return nil }
      return setting.key.dropLast() + property.lowercased().replacing("_", with: ".")
    }
    return nil
  }

  /// Whether a variable's name begins like those of a section, and so was meant for us.
  static func isOfSection(variable name: String) -> Bool {
    let word = name.dropFirst(variablePrefix.count).prefix { $0 != "_" }.lowercased()
    return isSection(word)
  }

  /// Whether Kubernetes sets this variable, for a service whose name begins with ours.
  static func isServiceLink(_ name: String, _ value: String) -> Bool {
    if name.hasSuffix("_PORT") && value.contains("://") { return true }
    return name.contains(
      #/_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/#
    )
  }

  /// The name closest to `word`, where one is close.
  package static func nearest(to word: String, among names: [String]) -> String? {
    let word = word.lowercased()
    if let whole = names.first(where: { $0.lowercased().hasSuffix("." + word) }) { return whole }
    let distances = names.map { (name: $0, distance: distance(word, $0.lowercased())) }
    let best = distances.min { $0.distance < $1.distance }
    return best.flatMap { $0.distance <= max(2, word.count / 4) ? $0.name : nil }
  }

  /// How many characters must be added, removed or exchanged (Levenshtein).
  private static func distance(_ one: String, _ other: String) -> Int {
    let other = Array(other)
    var row = Array(0...other.count)
    for (i, character) in one.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in other.indices {
        let exchanged = diagonal + (character == other[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(exchanged, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[other.count]
  }
}
