internal import CVector

/// Scores of rounded queries with panels of a rounded table, six queries at a time.
@safe
struct RoundedTile: Sendable {
  typealias Scores = SIMD32<Int16>

  /// Queries that share one load of the table.
  private static let rows = 6

  private var count = 0
  /// The rounded queries: six that share a tile pair by pair, others row by row.
  private var pairs: [Int32] = []
  private var starts: [Int16] = []
  private var query = RoundedQuery()
  /// Of each query, (rows).
  private(set) var precisions: [RoundedQuery.Precision?] = []
  /// Of the last block, row by row, each of the panels that were asked for.
  var scores: [Scores] = []

  /// Queries in blocks that share a tile: as many as are worth it, others alone.
  private var tiled: Int { count - (count % Self.rows < 3 ? count % Self.rows : 0) }

  /// Rounds queries, (rows, width).
  mutating func begin(_ queries: Span<Float>, over rows: RoundedRows) {
    count = queries.count / rows.width
    precisions.resize(to: count, filling: nil)
    if rows.panels.isEmpty {
      for row in 0..<count { precisions[row] = nil }
      return
    }
    let whole = (count + Self.rows - 1) / Self.rows * Self.rows
    pairs.resize(to: whole * rows.pairs, filling: 0)
    starts.resize(to: whole, filling: 0)
    for row in 0..<count {
      query.round(queries.extracting(elements(of: row, width: rows.width)), over: rows)
      precisions[row] = query.precision
      starts[row] = query.start
      let lines = row < tiled ? Self.rows : 1
      let first = row / lines * lines * rows.pairs + row % lines
      for pair in 0..<rows.pairs { pairs[first + pair * lines] = query.pairs[pair] }
    }
  }

  /// The queries from `row` on whose scores are made together.
  func block(at row: Int) -> Range<Int> {
    row < tiled ? row..<min(row + Self.rows, count) : row..<(row + 1)
  }

  /// Scores a block of queries with some panels.
  mutating func run(_ table: RoundedRows, rows block: Range<Int>, panels: Range<Int>) {
    let (width, row) = (table.pairs, block.lowerBound)
    let lines = row < tiled ? Self.rows : 1
    precondition(panels.lowerBound >= 0 && panels.upperBound * width <= table.panels.count)
    precondition((row + lines) * width <= pairs.count && row + lines <= starts.count)
    if scores.count < lines * panels.count {
      scores = [Scores](repeating: .zero, count: lines * panels.count)
    }
    let (first, count) = (panels.lowerBound * width, panels.count)
    let (pairs, starts) = (pairs, starts)
    unsafe pairs.withUnsafeBufferPointer { x in
      unsafe table.panels.withUnsafeBufferPointer { w in
        unsafe scores.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let w = w.baseAddress, let y = y.baseAddress else { return }
          for panel in 0..<count {
            let (x, w) = unsafe (x + row * width, w + first + panel * width)
            if lines == 1 {
              unsafe y[panel] = Self.one(x, w, width, starts[row])
            } else {
              unsafe Self.six(x, w, width, starts, row, y + panel, count)
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private static func product(_ w: SIMD64<UInt8>, _ pair: Int32) -> Scores {
    vector_pair_products(
      w,
      unsafe unsafeBitCast(SIMD16<Int32>(repeating: pair), to: SIMD64<Int8>.self)
    )
  }

  @inline(__always)
  private static func six(
    _ x: UnsafePointer<Int32>,
    _ w: UnsafePointer<SIMD64<UInt8>>,
    _ width: Int,
    _ starts: [Int16],
    _ row: Int,
    _ y: UnsafeMutablePointer<Scores>,
    _ stride: Int
  ) {
    var (s0, s1) = (Scores(repeating: starts[row]), Scores(repeating: starts[row + 1]))
    var (s2, s3) = (Scores(repeating: starts[row + 2]), Scores(repeating: starts[row + 3]))
    var (s4, s5) = (Scores(repeating: starts[row + 4]), Scores(repeating: starts[row + 5]))
    for k in 0..<width {
      let (wk, xk) = unsafe (w[k], x + rows * k)
      unsafe s0 = s0 &+ product(wk, xk[0])
      unsafe s1 = s1 &+ product(wk, xk[1])
      unsafe s2 = s2 &+ product(wk, xk[2])
      unsafe s3 = s3 &+ product(wk, xk[3])
      unsafe s4 = s4 &+ product(wk, xk[4])
      unsafe s5 = s5 &+ product(wk, xk[5])
    }
    unsafe y[0] = s0
    unsafe y[stride] = s1
    unsafe y[2 * stride] = s2
    unsafe y[3 * stride] = s3
    unsafe y[4 * stride] = s4
    unsafe y[5 * stride] = s5
  }

  /// Two sums, for one waits for itself.
  @inline(__always)
  private static func one(
    _ x: UnsafePointer<Int32>,
    _ w: UnsafePointer<SIMD64<UInt8>>,
    _ width: Int,
    _ start: Int16
  ) -> Scores {
    var (s0, s1) = (Scores(repeating: start), Scores.zero)
    var k = 0
    while k + 2 <= width {
      unsafe s0 = s0 &+ product(w[k], x[k])
      unsafe s1 = s1 &+ product(w[k + 1], x[k + 1])
      k += 2
    }
    if k < width { unsafe s0 = s0 &+ product(w[k], x[k]) }
    return s0 &+ s1
  }
}
