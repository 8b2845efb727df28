/// The K largest inner products of each query with all rows of a table, in one pass over them.
///
/// The pass is over rounded numbers, at four times the speed. What may be among the K best is
/// scored as it is, so the result is that of a full scan, to the bit. Ties go to the lower index; a
/// score of NaN or −∞ is never taken. It keeps its scratch and its results until the next scan.
package struct TopKScan: Sendable {
  /// An item and its score.
  package struct Entry: Equatable, Sendable {
    package let item: Int32
    package let score: Float

    package init(item: Int32, score: Float) {
      self.item = item
      self.score = score
    }
  }

  /// Panels that all queries are scored with before the next: 512 KiB for d = 64, which stay near.
  private static let panelRun = 256
  /// Queries that go over the table together, and whose lists stay near.
  private static let rowRun = 66

  private var lists: [Shortlist] = []
  private var finals = Finals()
  private var exact = ExactScan()
  /// The rows' best, one row after the other, best first.
  private var best: [Entry] = []
  /// Where each row's begin, and the last row's end.
  private var starts: [Int] = []
  private var tile = RoundedTile()

  package init() {}

  /// A row's best items of the last scan, best first; fewer than k where there are no more.
  ///
  /// Let go of it before the next scan, or that one copies the results.
  package subscript(row: Int) -> ArraySlice<Entry> { best[starts[row]..<starts[row + 1]] }

  /// Scans `table` for each of the `queries`, (rows, width).
  ///
  /// `allowed` has a bit for each item, 32 to a mask, lowest first; nil allows all. `excluded` are
  /// the items that each row must not get, (rows), or empty.
  package mutating func scan(
    _ queries: Span<Float>,
    over table: ScanTable,
    k: Int,
    allowed: [UInt32]? = nil,
    excluded: [[Int32]] = []
  ) {
    let (rows, k) = (queries.count / table.width, min(k, table.count))
    precondition(queries.count == rows * table.width && k >= 0)
    let eligible = Eligible(of: table.count, allowed: allowed, excluded: excluded, rows: rows)
    best.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    for first in stride(from: 0, to: rows, by: Self.rowRun) {
      let run = first..<min(first + Self.rowRun, rows)
      let some = queries.extracting(elements(of: run, width: table.width))
      shortlist(some, from: first, table, k, eligible)
      scanExactly(some, from: first, table, k, eligible)
      collect(some, table, k)
    }
    starts.append(best.count)
  }

  /// Finds what may be among the best of each query, those from a row on, unless that is too much.
  private mutating func shortlist(
    _ queries: Span<Float>,
    from firstRow: Int,
    _ table: ScanTable,
    _ k: Int,
    _ eligible: Eligible
  ) {
    let rows = queries.count / table.width
    let panels = table.rounded.panels.count / table.rounded.pairs
    // Out of self, for the lists are changed while it lends its scores.
    var tile = RoundedTile()
    swap(&tile, &self.tile)
    tile.begin(queries, over: table.rounded)
    while lists.count < rows { lists.append(Shortlist()) }
    // What is more is scored sooner by the exact scan, and takes less memory.
    let limit = max(1_024, 8 * k, min(table.count / 8, 8_192))
    for row in 0..<rows { lists[row].begin(k, tile.precisions[row], limit: limit) }
    for first in stride(from: 0, to: panels, by: Self.panelRun) {
      let run = first..<min(first + Self.panelRun, panels)
      if !eligible.containsAny(of: run) { continue }
      var row = 0
      while row < rows {
        let block = tile.block(at: row)
        tile.run(table.rounded, rows: block, panels: run)
        var all = tile.scores.mutableSpan
        for row in block {
          let part = elements(of: row - block.lowerBound, width: run.count)
          var scores = all._mutatingExtracting(part)
          eligible.hide(from: &scores, panels: run, row: firstRow + row)
          lists[row].take(scores.span, from: RoundedRows.lanes * first)
        }
        row = block.upperBound
      }
    }
    swap(&tile, &self.tile)
    for row in 0..<rows { lists[row].finish() }
  }

  /// Scans for those queries whose rounded scores tell too little.
  private mutating func scanExactly(
    _ queries: Span<Float>,
    from firstRow: Int,
    _ table: ScanTable,
    _ k: Int,
    _ eligible: Eligible
  ) {
    let width = table.width
    let rest = (0..<(queries.count / width)).filter { lists[$0].isOverfull }
    if rest.isEmpty { return }
    var gathered: [Float] = []
    for row in rest { for i in elements(of: row, width: width) { gathered.append(queries[i]) } }
    exact.scan(gathered.span, over: table, k: k) { row, item in
      eligible.contains(item, row: firstRow + rest[row])
    }
  }

  /// Writes down every row's best.
  private mutating func collect(_ queries: Span<Float>, _ table: ScanTable, _ k: Int) {
    var place = 0
    for row in 0..<(queries.count / table.width) {
      starts.append(best.count)
      if lists[row].isOverfull {
        exact.finish(place, into: &best)
        place += 1
      } else {
        let query = queries.extracting(elements(of: row, width: table.width))
        finals.rank(lists[row], query, table, k, into: &best)
      }
    }
  }
}
