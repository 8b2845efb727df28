/// The K best of a shortlist, by their very scores.
struct Finals: Sendable {
  private var rows: [Int32] = []
  private var scores: [Float] = []
  private var ranking = Ranking()

  /// Appends the K best of a list, best first.
  ///
  /// Those that seem to be are scored first: then some others cannot be, and are not scored.
  ///
  /// - Parameters:
  ///   - list: What may be among the best.
  ///   - query: (width).
  ///   - table: What holds the rows.
  ///   - k: How many.
  ///   - best: What is appended to.
  mutating func rank(
    _ list: Shortlist,
    _ query: Span<Float>,
    _ table: ScanTable,
    _ k: Int,
    into best: inout [TopKScan.Entry]
  ) {
    ranking.begin(k)
    list.writeFirst(into: &rows)
    score(query, table)
    if let kth = ranking.least {
      list.writeRest(kth: kth, into: &rows)
      score(query, table)
    }
    ranking.finish(into: &best)
  }

  private mutating func score(_ query: Span<Float>, _ table: ScanTable) {
    let rows = rows
    table.products(query, with: rows.span, into: &scores)
    for (row, score) in zip(rows, scores) { ranking.add(row, score) }
  }
}
