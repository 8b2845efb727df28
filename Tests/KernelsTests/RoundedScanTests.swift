@testable import Kernels
import TestSupport
import Testing

/// What a scan over rounded numbers rests on.
@Suite("Rounded scores and shortlists")
struct RoundedScanTests {
  /// Offers scores to a list, thirty-two at a time, in runs of `run` panels.
  private func offer(_ scores: [Int16], run: Int, to list: inout Shortlist) {
    let panels = stride(from: 0, to: scores.count, by: 32).map { first in
      var panel = Shortlist.Scores(repeating: Shortlist.hidden)
      for lane in 0..<min(32, scores.count - first) { panel[lane] = scores[first + lane] }
      return panel
    }
    for first in stride(from: 0, to: panels.count, by: run) {
      let some = Array(panels[first..<min(first + run, panels.count)])
      list.take(some.span, from: 32 * first)
    }
    list.finish()
  }

  /// What a list holds: the best by their scores, and the others that may be better.
  private func found(_ list: Shortlist, kth: Float = -.infinity) -> (first: [Int32], rest: [Int32])
  {
    var (first, rest): ([Int32], [Int32]) = ([], [])
    list.writeFirst(into: &first)
    list.writeRest(kth: kth, into: &rest)
    return (first.sorted(), rest.sorted())
  }

  @Test(
    "what may be among the best is little more than that, and never too little",
    arguments: [1, 7, 256]
  )
  func shortlist(run: Int) {
    var list = Shortlist()
    let near = RoundedQuery.Precision(unit: 0.5, margin: 10)
    for scores in [Array(1...5_000), Array((1...5_000).reversed())] as [[Int16]] {
      list.begin(3, near, limit: 1_000)
      offer(scores, run: run, to: &list)
      func items(_ wanted: ClosedRange<Int16>) -> [Int32] {
        scores.indices.filter { wanted.contains(scores[$0]) }.map(Int32.init)
      }
      #expect(found(list).first == items(4_998...5_000))
      // The third is no less than 4,998; what is no more than 4,987 may not be more.
      #expect(found(list).rest == items(4_988...4_997))
      // The third is 2,498 / 0.5 at least, so what is below 4,996 − 10 / 2 − 1 is less.
      #expect(found(list, kth: 2_498).rest == items(4_990...4_997))
      #expect(found(list, kth: 1e30).rest.isEmpty)
    }
    list.begin(2, nil, limit: 1_000)
    #expect(list.isOverfull)
    list.begin(3, RoundedQuery.Precision(unit: 1, margin: 60_000), limit: 1_000)
    offer(Array(1...5_000), run: run, to: &list)
    #expect(list.isOverfull)
    let hidden = Shortlist.hidden
    list.begin(2, RoundedQuery.Precision(unit: 1, margin: 65_533), limit: 4)
    offer([32_767, -7, hidden, 3, -32_767], run: run, to: &list)
    #expect(!list.isOverfull && found(list).first == [0, 3] && found(list).rest == [1, 4])
    list.begin(9, near, limit: 1_000)
    offer([5, hidden, 5, 6], run: run, to: &list)
    #expect(found(list).first == [0, 2, 3] && found(list).rest.isEmpty)
  }

  /// How far a row's rounded score is from what it stands for.
  private func distance(
    of row: Int,
    _ query: [Float],
    _ table: ScanTable,
    _ rounded: RoundedQuery,
    _ unit: Double
  ) -> Double {
    let exact = zip(query, table.row(row)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    let pairs = table.rounded.pairs
    var (sum, shifted) = (0, Int(rounded.start))
    for input in query.indices {
      let number = Int(
        table.rounded.panels[row / 32 * pairs + input / 2][2 * (row % 32) + input % 2]
      )
      let word = UInt32(bitPattern: rounded.pairs[input / 2])
      #expect(word & 0xFFFF == word >> 16)
      let other = Int(Int8(truncatingIfNeeded: word >> UInt32(8 * (input % 2))))
      sum += (number - RoundedRows.offset) * other
      shifted += number * other
    }
    #expect(sum.magnitude <= 32_767 && Int16(truncatingIfNeeded: shifted) == Int16(sum))
    return abs(Double(sum) - exact / unit)
  }

  @Test(
    "rounded scores are no farther from the exact ones than is said",
    arguments: [1, 2, 64, 129]
  )
  func margins(width: Int) throws {
    var random = SeededGenerator(seed: UInt64(width))
    let values = random.floats(500 * width)
    let table = ScanTable(values[...], width: width)
    var rounded = RoundedQuery()
    for scale: Float in [1e-12, 1, 1e9] {
      let query = random.floats(width).map { $0 * scale }
      rounded.round(query.span, over: table.rounded)
      let precision = try #require(rounded.precision)
      var farthest = 0.0
      for item in 0..<500 {
        farthest = max(farthest, distance(of: item, query, table, rounded, precision.unit))
      }
      #expect(farthest <= Double(precision.margin) / 2)
      #expect(farthest > Double(precision.margin) / 40)
    }
  }

  @Test("numbers that lose most, all one way, come as near to what is said as may be")
  func worst() throws {
    let width = 64
    // The first row makes a quantum one; the others are of numbers that are rounded down.
    var values = (0..<width).map { $0 % 2 == 0 ? Float(-22.125) : 22.125 }
    for row in 0..<16 { values += Array(repeating: 20.5 + Float(row) / 16, count: width) }
    let table = ScanTable(values[...], width: width)
    var (rounded, nearest) = (RoundedQuery(), 0.0)
    for step in 0..<80 {
      // What the first number is decides how the others are rounded.
      var query = [Float](repeating: 1, count: width)
      query[0] = Float(step) / 20
      rounded.round(query.span, over: table.rounded)
      let precision = try #require(rounded.precision)
      for row in 0..<17 {
        let farthest = distance(of: row, query, table, rounded, precision.unit)
        #expect(farthest <= Double(precision.margin) / 2)
        nearest = max(nearest, farthest / (Double(precision.margin) / 2))
      }
    }
    #expect(nearest > 0.85)
  }

  @Test("no product of two pairs leaves sixteen bits, whatever the numbers")
  func saturation() {
    var random = SeededGenerator(seed: 2)
    for width in [1, 2, 3, 64] {
      var values = random.floats(64 * width)
      // A row whose norm lies in two numbers, and queries of which a pair is all.
      for input in 0..<width { values[input] = input < 2 ? 9 : 0 }
      let table = ScanTable(values[...], width: width)
      var rounded = RoundedQuery()
      for sign: Float in [-1, 1] {
        var query = [Float](repeating: 1e-3, count: width)
        for input in 0..<min(2, width) { query[input] = 5 * sign }
        rounded.round(query.span, over: table.rounded)
        #expect(rounded.precision != nil)
        for pair in rounded.pairs {
          let (a, b) = (Int8(truncatingIfNeeded: pair), Int8(truncatingIfNeeded: pair >> 8))
          #expect(255 * (Int(a.magnitude) + Int(b.magnitude)) <= 32_767)
        }
      }
    }
  }
}
