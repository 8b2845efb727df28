internal import CVector

/// Scores of rounded queries with panels of a rounded table, six queries at a time, each held
/// against its bar while it is still in a register.
@safe
struct RoundedTile: Sendable {
  typealias Scores = SIMD16<Int32>
  /// Called with the bars, which may be raised, a row, a panel, a bit for each lane above the row's
  /// bar, and all scores of the panel.
  typealias Hit = (inout [Int32], _ row: Int, _ panel: Int, _ lanes: UInt32, Scores) -> Void

  /// Queries that share one load of the table.
  private static let rows = 6

  /// What a score must exceed to be looked at, (rows).
  var bars: [Int32] = []
  private var count = 0
  /// The rounded queries: six that share a tile pair by pair, others row by row.
  private var pairs: [Int32] = []
  private var query: [Int32] = []
  /// Of the six queries at hand.
  private var scores: InlineArray<6, Scores> = .init(repeating: .zero)
  private var lanes: InlineArray<6, UInt32> = .init(repeating: 0)

  /// Rounds queries, (rows, width); says of each how far apart scores must be.
  mutating func begin(_ queries: Span<Float>, over table: ScanTable) -> [Int32?] {
    count = queries.count / table.width
    let tiled = count - count % Self.rows
    let size = count * table.pairs
    if pairs.count < size { pairs = [Int32](repeating: 0, count: size) }
    if query.count != table.pairs { query = [Int32](repeating: 0, count: table.pairs) }
    if bars.count < count { bars = [Int32](repeating: 0, count: count) }
    if table.panels.isEmpty { return [Int32?](repeating: nil, count: count) }
    var margins: [Int32?] = []
    for row in 0..<count {
      let values = queries.extracting((row * table.width)..<((row + 1) * table.width))
      var span = query.mutableSpan
      margins.append(RoundedQuery(values, over: table, into: &span).margin)
      let rows = row < tiled ? Self.rows : 1
      let first = row / rows * rows * table.pairs + row % rows
      for pair in 0..<table.pairs { pairs[first + pair * rows] = query[pair] }
    }
    return margins
  }

  /// Scores all queries with some panels.
  mutating func run(_ table: ScanTable, panels: Range<Int>, _ hit: Hit) {
    let width = table.pairs
    precondition(panels.upperBound * width <= table.panels.count && count * width <= pairs.count)
    let (tiled, pairs) = (count - count % Self.rows, pairs)
    unsafe pairs.withUnsafeBufferPointer { x in
      unsafe table.panels.withUnsafeBufferPointer { w in
        guard let x = x.baseAddress, let w = w.baseAddress else { return }
        for row in stride(from: 0, to: tiled, by: Self.rows) {
          for panel in panels {
            if unsafe six(x + row * width, w + panel * width, width, row) == 0 { continue }
            for offset in 0..<Self.rows where lanes[offset] != 0 {
              hit(&bars, row + offset, panel, lanes[offset], scores[offset])
            }
          }
        }
        for row in tiled..<count {
          for panel in panels {
            let sums = unsafe one(x + row * width, w + panel * width, width)
            let lanes = vector_signs(Scores(repeating: bars[row]) &- sums)
            if lanes != 0 { hit(&bars, row, panel, lanes, sums) }
          }
        }
      }
    }
  }

  @inline(__always)
  private static func product(_ w: SIMD32<Int16>, _ pair: Int32) -> Scores {
    vector_pair_products(w, unsafe unsafeBitCast(Scores(repeating: pair), to: SIMD32<Int16>.self))
  }

  /// Writes the scores of six rows with a panel, and which exceed their bars; 0 if none does.
  @inline(__always)
  private mutating func six(
    _ x: UnsafePointer<Int32>,
    _ w: UnsafePointer<SIMD32<Int16>>,
    _ width: Int,
    _ row: Int
  ) -> UInt32 {
    var (s0, s1, s2) = (Scores.zero, Scores.zero, Scores.zero)
    var (s3, s4, s5) = (Scores.zero, Scores.zero, Scores.zero)
    for k in 0..<width {
      let (wk, xk) = unsafe (w[k], x + Self.rows * k)
      unsafe s0 = s0 &+ Self.product(wk, xk[0])
      unsafe s1 = s1 &+ Self.product(wk, xk[1])
      unsafe s2 = s2 &+ Self.product(wk, xk[2])
      unsafe s3 = s3 &+ Self.product(wk, xk[3])
      unsafe s4 = s4 &+ Self.product(wk, xk[4])
      unsafe s5 = s5 &+ Self.product(wk, xk[5])
    }
    return keep(s0, row, 0) | keep(s1, row, 1) | keep(s2, row, 2)
      | keep(s3, row, 3) | keep(s4, row, 4) | keep(s5, row, 5)
  }

  @inline(__always)
  private mutating func keep(_ sums: Scores, _ row: Int, _ offset: Int) -> UInt32 {
    let above = vector_signs(Scores(repeating: bars[row + offset]) &- sums)
    scores[offset] = sums
    lanes[offset] = above
    return above
  }

  /// Four sums, for one waits for itself.
  @inline(__always)
  private func one(
    _ x: UnsafePointer<Int32>,
    _ w: UnsafePointer<SIMD32<Int16>>,
    _ width: Int
  ) -> Scores {
    var (s0, s1, s2, s3) = (Scores.zero, Scores.zero, Scores.zero, Scores.zero)
    var k = 0
    while k + 4 <= width {
      unsafe s0 = s0 &+ Self.product(w[k], x[k])
      unsafe s1 = s1 &+ Self.product(w[k + 1], x[k + 1])
      unsafe s2 = s2 &+ Self.product(w[k + 2], x[k + 2])
      unsafe s3 = s3 &+ Self.product(w[k + 3], x[k + 3])
      k += 4
    }
    while k < width {
      unsafe s0 = s0 &+ Self.product(w[k], x[k])
      k += 1
    }
    return (s0 &+ s1) &+ (s2 &+ s3)
  }
}
