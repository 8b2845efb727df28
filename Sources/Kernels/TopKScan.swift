/// The K largest inner products of each query with all items, in one pass over the items.
///
/// Scores come from the kernel of ``Gemm/rows(_:_:bias:into:adding:)``, a block of rows and a run
/// of panels at a time, so a query's scores have the same bits in any batch. Sixteen at a time they
/// are held against the K-th best so far, and few pass. Ties go to the lower index; a score of NaN
/// or −∞ is never taken. The scan keeps its scratch and its results until the next one.
package struct TopKScan: Sendable {
  /// An item and its score.
  package struct Entry: Equatable, Sendable {
    package let item: Int32
    package let score: Float
  }

  /// Queries scored together: whole tiles.
  private static let rowBlock = 8 * Gemm.tile
  /// Panels scored together: 32 KiB for d = 64, which stay in the first cache.
  private static let panelRun = 8

  private var k = 0
  private var scores: [SIMD16<Float>] = []
  /// The best so far, best first: (rows, k), of which each row has `counts`.
  private var best: [Entry] = []
  private var counts: [Int] = []
  /// What a score must exceed to enter a row's list.
  private var bars: [Float] = []

  package init() {}

  /// A row's best items of the last scan, best first; fewer than k where there are no more.
  ///
  /// Let go of it before the next scan, or that one copies the results.
  package subscript(row: Int) -> ArraySlice<Entry> { best[(row * k)..<(row * k + counts[row])] }

  /// Scans `items` (outputs of the matrix) for each of the `queries` (rows, inputs).
  ///
  /// `allowed` has a bit for each lane of each panel, lowest first; nil allows all. `isExcluded` is
  /// asked about an item for a row only when its score would enter the list.
  package mutating func scan(
    _ queries: Span<Float>,
    over items: PackedMatrix,
    k: Int,
    allowed: [UInt16]? = nil,
    isExcluded: (_ row: Int, _ item: Int32) -> Bool = { _, _ in false }
  ) {
    let (inputs, panels) = (items.inputs, items.panels.count / max(items.inputs, 1))
    precondition(inputs > 0 && queries.count % inputs == 0 && k >= 0)
    if let allowed { precondition(allowed.count == panels) }
    let rows = queries.count / inputs
    prepare(rows: rows, k: min(k, items.outputs))
    if self.k == 0 || rows == 0 { return }

    for first in stride(from: 0, to: panels, by: Self.panelRun) {
      let count = min(Self.panelRun, panels - first)
      if let allowed, allowed[first..<(first + count)].allSatisfy({ $0 == 0 }) { continue }
      for row in stride(from: 0, to: rows, by: Self.rowBlock) {
        let block = min(Self.rowBlock, rows - row)
        score(queries, items, rows: row..<(row + block), panels: first..<(first + count))
        for offset in 0..<block {
          for panel in 0..<count {
            let scores = scores[offset * count + panel]
            if !isAny(scores, above: bars[row + offset]) { continue }
            let item = (first + panel) * PackedMatrix.lanes
            var lanes = allowed?[first + panel] ?? .max
            if items.outputs - item < 16 { lanes &= 1 << UInt16(items.outputs - item) &- 1 }
            for lane in 0..<16 where lanes & (1 << UInt16(lane)) != 0 {
              offer(Int32(item + lane), scores[lane], to: row + offset, isExcluded)
            }
          }
        }
      }
    }
  }

  private mutating func prepare(rows: Int, k: Int) {
    self.k = k
    if best.count < rows * k {
      best = [Entry](repeating: Entry(item: 0, score: 0), count: rows * k)
    }
    if counts.count < rows {
      counts = [Int](repeating: 0, count: rows)
      bars = [Float](repeating: 0, count: rows)
    }
    for row in counts.indices {
      counts[row] = 0
      bars[row] = -.infinity
    }
    let needed = min(rows, Self.rowBlock) * Self.panelRun
    if scores.count < needed { scores = [SIMD16<Float>](repeating: .zero, count: needed) }
  }

  /// Writes the inner products of some rows with some panels to `scores`, (rows, panels).
  private mutating func score(
    _ queries: Span<Float>,
    _ items: PackedMatrix,
    rows: Range<Int>,
    panels: Range<Int>
  ) {
    precondition(rows.count * panels.count <= scores.count)
    precondition(panels.upperBound * items.inputs <= items.panels.count)
    unsafe queries.withUnsafeBufferPointer { x in
      unsafe items.panels.withUnsafeBufferPointer { w in
        unsafe scores.withUnsafeMutableBytes { y in
          guard let x = x.baseAddress, let w = w.baseAddress, let y = y.baseAddress else { return }
          unsafe Product(
            x: x + rows.lowerBound * items.inputs,
            w: w + panels.lowerBound * items.inputs,
            bias: nil,
            y: y.assumingMemoryBound(to: Float.self),
            inputs: items.inputs,
            outputs: panels.count * PackedMatrix.lanes,
            panels: panels.count,
            adding: false
          ).run(rows: rows.count)
        }
      }
    }
  }

  /// Whether a lane may exceed the bar: then bar − score is negative, or not a number.
  ///
  /// By the sign bits of a difference, for a comparison of SIMD values goes lane by lane.
  @inline(__always)
  private func isAny(_ scores: SIMD16<Float>, above bar: Float) -> Bool {
    let below = SIMD16(repeating: bar) - scores
    let (a, b) = unsafe unsafeBitCast(below, to: (SIMD4<UInt64>, SIMD4<UInt64>).self)
    let (c, d) = unsafe unsafeBitCast(a | b, to: (SIMD2<UInt64>, SIMD2<UInt64>).self)
    let e = c | d
    return (e[0] | e[1]) & 0x8000_0000_8000_0000 != 0
  }

  /// Puts an item in a row's list if it is better than the last there, behind its equals.
  private mutating func offer(
    _ item: Int32,
    _ score: Float,
    to row: Int,
    _ isExcluded: (_ row: Int, _ item: Int32) -> Bool
  ) {
    guard score > bars[row], !isExcluded(row, item) else { return }
    let start = row * k
    var at = start + min(counts[row], k - 1)
    while at > start, score > best[at - 1].score {
      best[at] = best[at - 1]
      at -= 1
    }
    best[at] = Entry(item: item, score: score)
    counts[row] = min(counts[row] + 1, k)
    if counts[row] == k { bars[row] = best[start + k - 1].score }
  }
}
