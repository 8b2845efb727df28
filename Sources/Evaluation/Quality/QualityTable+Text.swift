extension QualityTable {
  /// The table for a terminal: a block for each slice, metrics in percent with their intervals and
  /// differences beneath, and a last block of what the lists are like.
  ///
  /// Only metrics at `cutoffs` are shown, and all kinds of example or those of `shown`.
  package func text(cutoffs: [Int] = [20], slices shown: [ExampleFacts.Slice]? = nil) -> String {
    let metrics = RankMetric.all.filter { cutoffs.contains($0.cutoff) }
    let kept = slices.filter { shown?.contains($0.slice) ?? true }
    let blocks = kept.map { $0.text(metrics) } + [listText]
    return blocks.joined(separator: "\n")
  }

  private var listText: String {
    listTable(lists.map { ($0.name, $0.measures) }, columns: ListMeasures.titles.count)
  }
}

/// What lists are like, for a terminal; the first columns of it.
func listTable(_ rows: [(name: String, measures: ListMeasures)], columns: Int) -> String {
  let header = [""] + ListMeasures.titles.prefix(columns)
  let lines = rows.map { ["  \($0.name)"] + $0.measures.cells.prefix(columns) }
  return "lists: the first \(ListMeasures.cutoff) items of each\n"
    + aligned([header] + lines, toTheRight: true)
}

extension QualityTable.Section {
  fileprivate func text(_ metrics: [RankMetric]) -> String {
    if rows.isEmpty { return "\(slice.title): no examples\n" }
    var lines = [[""] + metrics.map { "  \($0.title)" }]
    for row in rows {
      lines.append(["  \(row.name)"] + metrics.map { row.metrics[$0.key]?.text ?? "" })
      if row.differences.isEmpty { continue }
      let less = "    minus \(rows[0].name)"
      lines.append([less] + metrics.map { row.differences[$0.key]?.signed ?? "" })
    }
    return "\(slice.title): examples \(examples), users or sessions \(units)\n" + aligned(lines)
  }
}

extension QualityTable.Estimate {
  /// In percent, such as `12.30 [11.9–12.7]`.
  var text: String {
    "\(padded(fixed(100 * mean, 2))) [\(fixed(100 * low, 1))–\(fixed(100 * high, 1))]"
  }

  /// In points of percent, such as `+1.20 [+0.81, +1.62]`.
  var signed: String {
    func points(_ value: Double) -> String {
      let digits = fixed(100 * value, 2)
      return digits.hasPrefix("-") || digits == "0.00" ? digits : "+" + digits
    }
    return "\(padded(points(mean))) [\(points(low)), \(points(high))]"
  }

  private func padded(_ number: String) -> String {
    String(repeating: " ", count: max(0, "100.00".count - number.count)) + number
  }
}

/// Lines of cells as text in columns, the first of them to the left.
func aligned(_ lines: [[String]], toTheRight: Bool = false) -> String {
  let columns = lines.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return lines.map { line in
    let cells = line.enumerated().map { column, cell in
      let space = String(repeating: " ", count: widths[column] - cell.count)
      return toTheRight && column > 0 ? space + cell : cell + space
    }
    var text = cells.joined(separator: "  ")
    while text.last == " " { text.removeLast() }
    return text + "\n"
  }
  .joined()
}
