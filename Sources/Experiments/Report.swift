package import Evaluation
internal import Files
package import Foundation

/// What an experiment found: a table, in words and for machines, and its plots.
package struct Report: Sendable {
  package enum Cell: Equatable, Sendable {
    case text(String)
    /// A number and the decimals it is shown with.
    case number(Double, Int)
    /// A share, shown in percent.
    case share(Double)
    case none

    var shown: String {
      switch self {
      case .text(let text): text
      case .number(let value, let decimals): String(format: "%.\(decimals)f", value)
      case .share(let share): String(format: "%.2f", 100 * share)
      case .none: "–"
      }
    }
  }

  package let experiment: String
  /// What was measured on what, and how.
  package let summary: String
  package let columns: [String]
  package private(set) var rows: [[Cell]] = []
  /// What the table does not say by itself.
  package var notes: [String] = []
  /// By what they are called in a file's name; empty for the only one.
  package var plots: [String: Plot] = [:]

  package init(_ experiment: String, summary: String, columns: [String]) {
    self.experiment = experiment
    self.summary = summary
    self.columns = columns
  }

  package mutating func append(_ row: [Cell]) {
    precondition(row.count == columns.count)
    rows.append(row)
  }

  /// The table in Markdown, which a terminal shows well too.
  package var text: String {
    let cells = [columns] + rows.map { $0.map(\.shown) }
    let widths = columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    func line(_ words: [String]) -> String {
      let padded = zip(words, widths).enumerated().map { column, pair in
        let space = String(repeating: " ", count: pair.1 - pair.0.count)
        return column == 0 ? pair.0 + space : space + pair.0
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }
    let dashes = widths.map { String(repeating: "-", count: $0 + 2) }
    let rule = "|" + dashes.joined(separator: "|") + "|"
    let table = [line(cells[0]), rule] + cells.dropFirst().map(line)
    return ([summary, ""] + table + (notes.isEmpty ? [] : [""] + notes)).joined(separator: "\n")
  }

  /// The same as JSON: each row an object by column.
  package func json() throws -> Data {
    let objects = rows.map { row in
      Dictionary(uniqueKeysWithValues: zip(columns, row.map(\.value)))
    }
    let document: [String: Any] = [
      "experiment": experiment, "summary": summary, "rows": objects, "notes": notes,
    ]
    return try JSONSerialization.data(
      withJSONObject: document,
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    )
  }

  /// Writes `NAME.md`, `NAME.json` and a file for each plot.
  package func write(to folder: String) throws {
    try WholeDirectory.make(folder)
    func put(_ name: String, _ data: Data) throws {
      try WholeFile.replace("\(folder)/\(name)", with: Array(data))
    }
    try put("\(experiment).md", Data((text + "\n").utf8))
    try put("\(experiment).json", try json())
    for (name, plot) in plots {
      let suffix = name.isEmpty ? "" : "-\(name)"
      try put("\(experiment)\(suffix).svg", Data(plot.svg.utf8))
    }
  }
}

extension Report.Cell {
  fileprivate var value: Any {
    switch self {
    case .text(let text): text
    case .number(let value, _), .share(let value): value.isFinite ? value : NSNull()
    case .none: NSNull()
    }
  }
}
