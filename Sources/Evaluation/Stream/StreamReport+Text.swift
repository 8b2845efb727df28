internal import FoundationEssentials

extension StreamReport {
  /// The report as a file: its keys sorted, and the same bytes for the same report.
  package func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// Reads a report from what ``json()`` made.
  package init(json: [UInt8]) throws {
    self = try JSONDecoder().decode(Self.self, from: Data(json))
  }

  /// The report for a terminal: the metrics at 20 of each recommender, and what its lists are like.
  package var text: String {
    let metrics = RankMetric.Kind.allCases.map { RankMetric($0, cutoff: 20) }
    var lines = [[""] + metrics.map { "  \($0.title)" }]
    for row in rows {
      lines.append(["  \(row.name)"] + metrics.map { row.metrics[$0.key]?.text ?? "" })
      if row.differences.isEmpty { continue }
      let less = "    minus \(rows[0].name)"
      lines.append([less] + metrics.map { row.differences[$0.key]?.signed ?? "" })
    }
    return "clicks \(clicks), judged \(events) of \(sessions) sessions, unanswered \(unanswered)\n"
      + aligned(lines) + "\n" + listText
  }

  private var listText: String {
    listTable(rows.map { ($0.name, $0.lists) }, columns: ListMeasures.titles.count - 1)
  }
}
