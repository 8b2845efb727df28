import FoundationEssentials
import Yams

/// What one source says about one setting.
struct SettingEntry {
  /// How the value is to be had.
  enum Form {
    case text(String)
    /// The first line of a file.
    case file(path: String)
  }

  let key: String
  let form: Form
  /// A flag, a variable, or a file and line.
  let origin: String
  let isFromFile: Bool
}

/// The entries of one source, and what could not be understood of it.
struct SettingLayer {
  private(set) var entries: [String: SettingEntry] = [:]
  private(set) var problems: [ConfigurationFailure.Problem] = []
  private(set) var warnings: [String] = []

  /// What the command line sets; of two for one key the last holds.
  init(overrides: [(key: String, value: String)]) {
    for (key, value) in overrides {
      add(key, value, origin: "--set", replaces: true)
    }
  }

  /// What the environment sets.
  ///
  /// A variable without a value counts as not set. The environment is not ours alone: what is not
  /// of a setting's shape is left with a warning, and what Kubernetes adds for a service of our
  /// name without one.
  init(environment: [String: String]) {
    for (name, value) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix(Settings.variablePrefix) && !value.isEmpty {
      if let key = Settings.key(ofVariable: name) {
        add(key, value, origin: name, replaces: false)
      } else if Settings.isServiceLink(name, value) {
        continue
      } else {
        let near = Settings.nearest(to: name, among: Settings.variables)
        let remedy = near.map { "did you mean \($0)?" } ?? "unset it"
        if Settings.isOfSection(variable: name) {
          let rule = "no setting has this variable"
          problems.append(.init(key: name, origin: "environment", rule: rule, remedy: remedy))
        } else {
          warnings.append("\(name) is not a setting of this worker; \(remedy)")
        }
      }
    }
  }

  /// What a YAML file sets; `name` is what the problems call it.
  init(yaml: String, name: String) {
    do {
      if let root = try Yams.compose(yaml: yaml) { add(root, under: "", name) }
    } catch let error as YamlError {
      let (reason, line) = error.withoutSnippet
      let origin = line.map { "\(name):\($0)" } ?? name
      problems.append(
        .init(key: "file", origin: origin, rule: "is not YAML: \(reason)", remedy: "correct it")
      )
    } catch {
      problems.append(
        .init(key: "file", origin: name, rule: "is not YAML: \(error)", remedy: "correct it")
      )
    }
  }

  private mutating func add(_ node: Node, under key: String, _ name: String) {
    let origin = node.mark.map { "\(name):\($0.line)" } ?? name
    switch node {
    case .mapping(let mapping):
      for (field, value) in mapping {
        let field = field.string ?? "?"
        add(value, under: key.isEmpty ? field : "\(key).\(field)", name)
      }
    case .sequence(let items):
      let texts = items.compactMap(\.string)
      if texts.count == items.count && !key.isEmpty {
        return add(key, texts.joined(separator: ","), origin: origin, replaces: false, file: true)
      }
      refuse(key, origin, "takes no list of this kind", "give settings as `key: value`")
    case .scalar(let scalar) where key.isEmpty:
      if !scalar.string.isEmpty {
        refuse("file", origin, "has a text where settings belong", "give settings as `key: value`")
      }
    case .scalar(let scalar):
      let isNull = node.null != nil && scalar.style == .plain
      if isNull && Settings.isSection(key) { return }
      if isNull && Settings.stem(of: key) != nil {
        refuse(key, origin, "has no value", "give one, or remove the line for the default")
      } else {
        add(key, scalar.string, origin: origin, replaces: false, file: true)
      }
    case .alias:
      refuse(key, origin, "is an alias that cannot be resolved", "write the value out")
    }
  }

  private mutating func add(
    _ key: String,
    _ text: String,
    origin: String,
    replaces: Bool,
    file isFromFile: Bool = false
  ) {
    guard let (stem, isPath) = Settings.stem(of: key) else {
      let near = Settings.nearest(to: key, among: Settings.all.map(\.key))
      let remedy = near.map { "did you mean \($0)?" } ?? "remove it"
      return refuse(key, origin, "there is no such setting", remedy)
    }
    if let other = entries[stem], !replaces {
      return refuse(key, origin, "is given twice, also in \(other.origin)", "keep one of them")
    }
    entries[stem] = SettingEntry(
      key: stem,
      form: isPath ? .file(path: text) : .text(text),
      origin: origin,
      isFromFile: isFromFile,
    )
  }

  private mutating func refuse(_ key: String, _ origin: String, _ rule: String, _ remedy: String) {
    problems.append(.init(key: key, origin: origin, rule: rule, remedy: remedy))
  }
}

extension SettingEntry {
  /// The value, and where it came from in full; `nil` and a problem where it cannot be had.
  func resolve(
    environment: [String: String]
  ) throws(ConfigurationFailure.Refusal) -> (text: String, origin: String) {
    switch form {
    case .text(let text):
      guard let name = text.variableName else { return (text, origin) }
      let full = "\(origin), by ${\(name)}"
      guard let value = environment[name] else {
        throw .init(origin: full, rule: "\(name) is not set", remedy: "set it")
      }
      return (value, full)
    case .file(let path):
      let full = "\(origin), in \(path)"
      guard let data = FileManager.default.contents(atPath: path),
        let text = String(bytes: data, encoding: .utf8)
      else {
        throw .init(origin: full, rule: "the file cannot be read", remedy: "check path and rights")
      }
      return (text.trimmed, full)
    }
  }
}

extension ConfigurationFailure {
  /// Why a value could not be had.
  struct Refusal: Error {
    let origin: String
    let rule: String
    let remedy: String
  }
}

extension String {
  /// `NAME` of `${NAME}`.
  fileprivate var variableName: String? {
    guard hasPrefix("${"), hasSuffix("}"), count > 3 else { return nil }
    return String(dropFirst(2).dropLast())
  }
}

extension YamlError {
  /// What is wrong and in which line, without quoting the line: it may hold a secret.
  fileprivate var withoutSnippet: (reason: String, line: Int?) {
    switch self {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      (problem, mark.line)
    case .duplicatedKeysInMapping(let duplicates, let context):
      ("\(duplicates.sorted().joined(separator: ", ")) given twice", context.mark.line)
    case .reader(let problem, _, _, _): (problem, nil)
    default: ("it cannot be read", nil)
    }
  }
}
