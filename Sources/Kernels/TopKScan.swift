/// The K largest inner products of each query with all rows of a table, in one pass over them.
///
/// The pass is over rounded numbers, at twice the speed. What may be among the K best is scored
/// as it is, so the result is that of a full scan, to the bit. Sixteen items at a time are held
/// against the bar of what was found so far, and few pass. Ties go to the lower index; a score of
/// NaN or −∞ is never taken. It keeps its scratch and its results until the next scan.
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

  /// Panels that a block of queries goes over together: 32 KiB for d = 64, which stay near.
  private static let panelRun = 16

  private var lists: [Shortlist] = []
  private var found: [Int32] = []
  private var scores: [Float] = []
  private var ranking = Ranking()
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
  /// `allowed` has a bit for each item, sixteen to a mask, lowest first; nil allows all.
  /// `isExcluded` is asked about an item for a row only when it may be among the best of those
  /// before it.
  package mutating func scan(
    _ queries: Span<Float>,
    over table: ScanTable,
    k: Int,
    allowed: [UInt16]? = nil,
    isExcluded: (_ row: Int, _ item: Int32) -> Bool = { _, _ in false }
  ) {
    let (width, panels) = (table.width, (table.count + 15) / 16)
    precondition(queries.count % width == 0 && k >= 0)
    if let allowed { precondition(allowed.count == panels) }
    let rows = queries.count / width
    // Out of self, for each is changed while the other is.
    var (lists, tile) = ([Shortlist](), RoundedTile())
    swap(&lists, &self.lists)
    swap(&tile, &self.tile)
    let margins = tile.begin(queries, over: table)
    while lists.count < rows { lists.append(Shortlist()) }
    for row in 0..<rows {
      lists[row].begin(min(k, table.count), margin: margins[row])
      tile.bars[row] = lists[row].bar
    }
    for first in stride(from: 0, to: table.panels.isEmpty ? 0 : panels, by: Self.panelRun) {
      let run = first..<min(first + Self.panelRun, panels)
      if let allowed, allowed[run].allSatisfy({ $0 == 0 }) { continue }
      tile.run(table, panels: run) { bars, row, panel, lanes, scores in
        var lanes = lanes & Self.lanes(of: panel, table.count, allowed)
        while lanes != 0 {
          let lane = lanes.trailingZeroBitCount
          lanes &= lanes &- 1
          let item = Int32(16 * panel + lane)
          if scores[lane] <= bars[row] || isExcluded(row, item) { continue }
          lists[row].add(item, scores[lane])
          bars[row] = lists[row].bar
        }
      }
    }
    swap(&tile, &self.tile)
    swap(&lists, &self.lists)
    let rest = (0..<rows).filter { self.lists[$0].isOverfull }
    if !rest.isEmpty {
      var gathered: [Float] = []
      for row in rest { for i in elements(of: row, width: width) { gathered.append(queries[i]) } }
      exact.scan(
        gathered.span,
        over: table,
        k: k,
        isAllowed: { Self.lanes(of: $0 / 16, table.count, allowed) >> ($0 % 16) & 1 == 1 },
        isExcluded: { isExcluded(rest[$0], $1) }
      )
    }
    best.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    var place = 0
    for row in 0..<rows {
      starts.append(best.count)
      if self.lists[row].isOverfull {
        exact.finish(place, into: &best)
        place += 1
      } else {
        self.lists[row].finish(into: &found)
        rank(queries.extracting(elements(of: row, width: width)), table, k: k)
      }
    }
    starts.append(best.count)
  }

  /// The lanes of a panel that are items, and allowed.
  private static func lanes(of panel: Int, _ count: Int, _ allowed: [UInt16]?) -> UInt32 {
    let rest = count - 16 * panel
    return UInt32(allowed?[panel] ?? .max) & (rest < 16 ? 1 << UInt32(rest) &- 1 : .max)
  }

  /// The K best of the items found, by their very scores.
  private mutating func rank(_ query: Span<Float>, _ table: ScanTable, k: Int) {
    let found = found
    table.products(query, with: found.span, into: &scores)
    ranking.begin(k)
    for (item, score) in zip(found, scores) where score > -.infinity { ranking.add(item, score) }
    ranking.finish(into: &best)
  }
}
