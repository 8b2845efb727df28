internal import Files

extension Configuration {
  /// Reads the configuration: overrides before environment before file before defaults.
  ///
  /// A value may also be given as `${NAME}`, an environment variable, or under `key_file`, as the
  /// content of a file.
  ///
  /// - Throws: Every problem at once; no secret is in their text.
  package static func load(
    file: String?,
    overrides: [(key: String, value: String)],
    environment: [String: String]
  ) throws(ConfigurationFailure) -> Configuration {
    var problems: [ConfigurationFailure.Problem] = []
    var layers: [SettingLayer] = []
    if let file {
      do throws(FileFailure) {
        guard let text = String(validating: try WholeFile.read(file), as: UTF8.self) else {
          throw FileFailure(path: file, reason: "it is not UTF-8 text")
        }
        layers.append(SettingLayer(yaml: text, name: file))
      } catch {
        problems.append(
          .init(key: "file", origin: file, rule: error.reason, remedy: "check its path and rights")
        )
      }
    }
    layers.append(SettingLayer(environment: environment))
    layers.append(SettingLayer(overrides: overrides))

    var configuration = Configuration()
    configuration.worker.name = Settings.thisWorker
    configuration.warnings = layers.flatMap(\.warnings)
    problems += layers.flatMap(\.problems)

    let entries = layers.map(\.entries).reduce([:]) { $0.merging($1) { $1 } }
    for entry in entries.values.sorted(by: { $0.key < $1.key }) {
      if let problem = configuration.take(entry, environment: environment) {
        problems.append(problem)
      }
    }
    let doubtful = Set(problems.map(\.key))
    for relation in SettingRelation.all where doubtful.isDisjoint(with: relation.keys) {
      if let problem = relation.problem(in: configuration, given: entries) {
        problems.append(problem)
      }
    }
    if !problems.isEmpty { throw ConfigurationFailure(problems: problems) }
    return configuration
  }

  private mutating func take(
    _ entry: SettingEntry,
    environment: [String: String]
  ) -> ConfigurationFailure.Problem? {
    guard let setting = Settings.setting(of: entry.key) else { return nil }
    let isSecret = Settings.isSecret(entry.key)
    let text: String
    let origin: String
    do throws(ConfigurationFailure.Refusal) {
      (text, origin) = try entry.resolve(environment: environment)
    } catch {
      return .init(key: entry.key, origin: error.origin, rule: error.rule, remedy: error.remedy)
    }
    if isSecret && entry.isFromFile && origin == entry.origin {
      warnings.append(
        "\(entry.key) stands in plain text in \(origin); "
          + "give it as ${NAME}, or as a file by \(entry.key)_file"
      )
    }
    if setting.assign(entry.key, text, &self) { return nil }
    let property = setting.openPrefix.map { String(entry.key.dropFirst($0.count + 1)) }
    let standard = setting.standard.isEmpty ? "" : ", \(setting.standard)"
    return .init(
      key: entry.key,
      value: isSecret ? Secret.mask : Secret.masked(inAddress: text),
      origin: origin,
      rule: "it must be \(setting.rule)",
      remedy: property.flatMap { Settings.ownProperties[$0] }
        ?? "correct it, or remove it for the default\(standard)",
    )
  }
}
