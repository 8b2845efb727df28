extension Settings {
  /// The settings as a Markdown table.
  package static func markdownReference() -> String {
    let rows = all.map { setting in
      let standard = setting.standard.isEmpty ? "–" : setting.standard
      return "| `\(setting.key)` | \(standard) | \(setting.rule) | \(setting.purpose) |"
    }
    let head = ["| setting | default | takes | purpose |", "|---|---|---|---|"]
    return (head + rows).joined(separator: "\n")
  }
}
