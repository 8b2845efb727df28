/// The K largest inner products of each query with all items, in one pass over the items.
///
/// Scores come from the kernel of ``Gemm/rows(_:_:bias:into:adding:)``, a block of rows and a run
/// of panels at a time, so a query's scores have the same bits in any batch. Sixteen at a time they
/// are held against the bar of what was found so far, and few pass. Ties go to the lower index; a
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

  /// Queries scored together: whole tiles.
  private static let rowBlock = 8 * Gemm.tile
  /// Panels scored together: 32 KiB for d = 64, which stay in the first cache.
  private static let panelRun = 8

  private var scores: [SIMD16<Float>] = []
  private var lists: [Shortlist] = []
  /// The rows' best, one row after the other, best first.
  private var best: [Entry] = []
  /// Where each row's begin, and the last row's end.
  private var starts: [Int] = []

  package init() {}

  /// A row's best items of the last scan, best first; fewer than k where there are no more.
  ///
  /// Let go of it before the next scan, or that one copies the results.
  package subscript(row: Int) -> ArraySlice<Entry> { best[starts[row]..<starts[row + 1]] }

  /// Scans `items` (outputs of the matrix) for each of the `queries` (rows, inputs).
  ///
  /// `allowed` has a bit for each lane of each panel, lowest first; nil allows all. `isExcluded` is
  /// asked about an item for a row only when its score may enter the list.
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

    for first in stride(from: 0, to: panels, by: Self.panelRun) {
      let run = first..<min(first + Self.panelRun, panels)
      if let allowed, allowed[run].allSatisfy({ $0 == 0 }) { continue }
      for row in stride(from: 0, to: rows, by: Self.rowBlock) {
        let block = row..<min(row + Self.rowBlock, rows)
        score(queries, items, rows: block, panels: run)
        for (offset, row) in block.enumerated() {
          for panel in run {
            let scores = scores[offset * run.count + panel - run.lowerBound]
            var lanes = Self.lanes(scores, above: lists[row].bar)
            if lanes == 0 { continue }
            let item = panel * PackedMatrix.lanes
            if let allowed { lanes &= allowed[panel] }
            if items.outputs - item < 16 { lanes &= 1 << UInt16(items.outputs - item) &- 1 }
            while lanes != 0 {
              let lane = lanes.trailingZeroBitCount
              lanes &= lanes &- 1
              let (item, score) = (Int32(item + lane), scores[lane])
              if score > lists[row].bar, !isExcluded(row, item) { lists[row].add(item, score) }
            }
          }
        }
      }
    }
    collect(rows)
  }

  private mutating func prepare(rows: Int, k: Int) {
    if lists.count < rows {
      lists.append(contentsOf: repeatElement(Shortlist(), count: rows - lists.count))
    }
    for row in 0..<rows { lists[row].begin(k) }
    let needed = min(rows, Self.rowBlock) * Self.panelRun
    if scores.count < needed { scores = [SIMD16<Float>](repeating: .zero, count: needed) }
  }

  private mutating func collect(_ rows: Int) {
    best.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    for row in 0..<rows {
      starts.append(best.count)
      lists[row].finish(into: &best)
    }
    starts.append(best.count)
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

  /// A bit for each lane that may exceed the bar: there bar − score is negative, or not a number.
  ///
  /// By the sign bits of a difference, for a comparison of SIMD values goes lane by lane.
  @inline(__always)
  private static func lanes(_ scores: SIMD16<Float>, above bar: Float) -> UInt16 {
    let below = SIMD16(repeating: bar) - scores
    let signs = unsafe unsafeBitCast(below, to: SIMD16<UInt32>.self) &>> 31
    let eight = signs.lowHalf | signs.highHalf &<< 8
    let four = eight.lowHalf | eight.highHalf &<< 4
    let two = four.lowHalf | four.highHalf &<< 2
    return UInt16(truncatingIfNeeded: two.x | two.y &<< 1)
  }
}
