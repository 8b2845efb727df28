/// The best outputs of each row of a product, without keeping the product.
///
/// The packed rows are read once for all vectors, a run of panels at a time; scores stay in a buffer
/// that fits the cache, and sixteen at once are held against the worst that is still kept.
@safe
package struct TopKScan: Sendable {
  /// An output and its score.
  package struct Found: Equatable, Sendable {
    package var index: Int32
    package var score: Float

    package init(index: Int32, score: Float) {
      self.index = index
      self.score = score
    }
  }

  /// Outputs scored together: with 64 inputs their weights take 128 KiB.
  private static let runPanels = 32
  /// Rows scored together: four tiles of the product.
  private static let blockRows = 24

  private var scores: [Float]
  private var kept: [Found] = []
  private var counts: [Int] = []

  package init() {
    scores = [Float](
      repeating: 0,
      count: Self.blockRows * Self.runPanels * PackedMatrix.lanes
    )
  }

  /// Finds, for each row of `x`, the `k` outputs of largest inner product, best first.
  ///
  /// Equal scores are ordered by index; scores that are not a number are never found. A row's result
  /// has the same bits alone and in a batch of any size.
  ///
  /// - Parameters:
  ///   - x: (rows, inputs).
  ///   - weight: (outputs, inputs), packed.
  ///   - k: How many to keep, at least 1.
  ///   - accepts: Whether a row may have an output; asked only for those that would be kept.
  package mutating func run(
    _ x: Span<Float>,
    _ weight: PackedMatrix,
    k: Int,
    accepts: (_ row: Int, _ index: Int) -> Bool = { _, _ in true }
  ) -> [[Found]] {
    precondition(k > 0 && weight.inputs > 0)
    let rows = x.count / weight.inputs
    precondition(x.count == rows * weight.inputs)
    kept = [Found](repeating: Found(index: 0, score: 0), count: rows * k)
    counts = [Int](repeating: 0, count: rows)
    let panels = weight.panels.count / weight.inputs
    for panel in stride(from: 0, to: panels, by: Self.runPanels) {
      let run = min(Self.runPanels, panels - panel)
      for row in stride(from: 0, to: rows, by: Self.blockRows) {
        let block = min(Self.blockRows, rows - row)
        score(x, weight, rows: row..<(row + block), panels: panel..<(panel + run))
        for offset in 0..<block {
          scan(
            row: row + offset,
            k,
            width: run * PackedMatrix.lanes,
            at: offset,
            first: panel * PackedMatrix.lanes,
            end: weight.outputs,
            accepts
          )
        }
      }
    }
    return (0..<rows).map { Array(kept[($0 * k)..<($0 * k + counts[$0])]) }
  }

  private mutating func score(
    _ x: Span<Float>,
    _ weight: PackedMatrix,
    rows: Range<Int>,
    panels: Range<Int>
  ) {
    let inputs = weight.inputs
    unsafe x.withUnsafeBufferPointer { x in
      unsafe weight.panels.withUnsafeBufferPointer { w in
        unsafe scores.withUnsafeMutableBufferPointer { scores in
          guard let x = x.baseAddress, let w = w.baseAddress, let y = scores.baseAddress else {
            return
          }
          unsafe Product(
            x: x + rows.lowerBound * inputs,
            w: w + panels.lowerBound * inputs,
            bias: nil,
            y: y,
            inputs: inputs,
            // Absent outputs of the last panel are scored too, and never looked at.
            outputs: panels.count * PackedMatrix.lanes,
            panels: panels.count,
            adding: false
          ).run(rows: rows.count)
        }
      }
    }
  }

  /// Looks through one row's scores of one run; `first` is the run's first output.
  private mutating func scan(
    row: Int,
    _ k: Int,
    width: Int,
    at place: Int,
    first: Int,
    end: Int,
    _ accepts: (Int, Int) -> Bool
  ) {
    for start in stride(from: place * width, to: (place + 1) * width, by: PackedMatrix.lanes) {
      let lanes = unsafe scores.withUnsafeBytes {
        unsafe $0.loadUnaligned(
          fromByteOffset: start * MemoryLayout<Float>.stride,
          as: SIMD16<Float>.self
        )
      }
      if counts[row] == k, !any(lanes .> kept[row * k + k - 1].score) { continue }
      for lane in 0..<PackedMatrix.lanes {
        let index = first + start - place * width + lane
        if index < end { offer(lanes[lane], index, row: row, k, accepts) }
      }
    }
  }

  /// Keeps an output if it is better than the worst kept: strictly, since it comes after it.
  private mutating func offer(
    _ score: Float,
    _ index: Int,
    row: Int,
    _ k: Int,
    _ accepts: (Int, Int) -> Bool
  ) {
    let count = counts[row]
    let base = row * k
    if score.isNaN || (count == k && score <= kept[base + k - 1].score) { return }
    if !accepts(row, index) { return }
    var place = min(count, k - 1)
    while place > 0, kept[base + place - 1].score < score {
      kept[base + place] = kept[base + place - 1]
      place -= 1
    }
    kept[base + place] = Found(index: Int32(index), score: score)
    counts[row] = min(count + 1, k)
  }
}
