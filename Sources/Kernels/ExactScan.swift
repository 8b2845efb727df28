/// The K best of each query by the very scores of all items: what ``TopKScan`` does where rounding
/// tells too few apart.
struct ExactScan: Sendable {
  /// Items scored together.
  private static let run = 128

  private var scores: [Float] = []
  private var lists: [Ranking] = []

  /// Appends a row's best of the last scan, best first.
  mutating func finish(_ row: Int, into entries: inout [TopKScan.Entry]) {
    lists[row].finish(into: &entries)
  }

  /// Scans the items that a row of the `queries`, (rows, width), may get.
  mutating func scan(
    _ queries: Span<Float>,
    over table: ScanTable,
    k: Int,
    isEligible: (_ row: Int, _ item: Int32) -> Bool
  ) {
    let rows = queries.count / table.width
    while lists.count < rows { lists.append(Ranking()) }
    for row in 0..<rows { lists[row].begin(k) }
    for first in stride(from: 0, to: table.count, by: Self.run) {
      let items = first..<min(first + Self.run, table.count)
      let packed = table.packed(items)
      scores.resize(to: rows * items.count)
      scores.edit { Gemm.rows(queries, packed, into: &$0) }
      for row in 0..<rows {
        for item in items {
          let score = scores[row * items.count + item - first]
          if score > lists[row].bar, isEligible(row, Int32(item)) {
            lists[row].add(Int32(item), score)
          }
        }
        lists[row].sift()
      }
    }
  }
}

/// The K best of what is offered, in order in the end.
///
/// One number each, the greater the better: the score, turned so that it counts as a number without
/// a sign, above the bits of the item, of which the lower is the better.
struct Ranking: Sendable {
  private var k = 0
  private var ranked: [UInt64] = []
  /// What does not exceed this is not among the K best of what is offered in the order of items.
  private(set) var bar = Float.infinity

  /// Forgets everything, and looks for the `k` best from now on.
  mutating func begin(_ k: Int) {
    self.k = k
    ranked.removeAll(keepingCapacity: true)
    bar = k > 0 ? -.infinity : .infinity
  }

  /// Adds a score that exceeds the bar.
  mutating func add(_ item: Int32, _ score: Float) {
    // There is no −0: sums begin with 0.
    let bits = score.bitPattern
    let ordered = bits ^ (bits >> 31 == 0 ? 1 << 31 : .max)
    ranked.append(UInt64(ordered) << 32 | UInt64(~UInt32(bitPattern: item)))
  }

  /// Lets go of what is not among the K best, if there is much of it.
  mutating func sift() {
    if ranked.count < 2 * k + 16 { return }
    ranked.keepFirst(k, by: >)
    if let least = ranked.min() { bar = Self.entry(least).score }
  }

  /// The least of what was offered, if that is K at least: the K-th best is no less.
  var least: Float? {
    ranked.count < k ? nil : ranked.min().map { Self.entry($0).score }
  }

  /// Appends the K best, best first.
  mutating func finish(into entries: inout [TopKScan.Entry]) {
    ranked.keepFirst(k, by: >)
    ranked.sort(by: >)
    for number in ranked { entries.append(Self.entry(number)) }
  }

  private static func entry(_ number: UInt64) -> TopKScan.Entry {
    let ordered = UInt32(truncatingIfNeeded: number >> 32)
    return TopKScan.Entry(
      item: Int32(bitPattern: ~UInt32(truncatingIfNeeded: number)),
      score: Float(bitPattern: ordered ^ (ordered >> 31 == 1 ? 1 << 31 : .max))
    )
  }
}
