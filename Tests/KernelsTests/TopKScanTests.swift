@testable import Kernels
import TestSupport
import Testing

@Suite("Scanning for the K best")
struct TopKScanTests {
  struct Setting: CustomTestStringConvertible, Sendable {
    let items: Int
    let rows: Int
    let k: Int
    var testDescription: String { "\(items) items, \(rows) rows, K = \(k)" }
  }

  static let settings = [1, 15, 17, 128, 129, 300].flatMap { items in
    [1, 5, 49].flatMap { rows in
      [0, 1, 7, 400].map { Setting(items: items, rows: rows, k: $0) }
    }
  }

  private let width = 5

  /// Small whole numbers: sums are exact and ties are many.
  private func values(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(Int.random(in: -2...2, using: &random)) }
  }

  /// All scores, sorted: best first, ties by index.
  private func sorted(
    _ query: ArraySlice<Float>,
    _ items: [Float],
    k: Int,
    where isEligible: (Int32) -> Bool
  ) -> [TopKScan.Entry] {
    let all = (0..<(items.count / width)).map { item in
      let row = items[(item * width)..<((item + 1) * width)]
      return TopKScan.Entry(
        item: Int32(item),
        score: zip(row, query).reduce(0) { $0 + $1.0 * $1.1 }
      )
    }
    return Array(
      all.filter { isEligible($0.item) && $0.score > -.infinity }
        .sorted { ($1.score, $0.item) < ($0.score, $1.item) }.prefix(k)
    )
  }

  private func pack(_ items: [Float]) -> ScanTable { ScanTable(items[...], width: width) }

  @Test("agrees with a full sort, whatever is filtered", arguments: settings)
  func naive(setting: Setting) {
    let items = values(setting.items * width, seed: UInt64(setting.items))
    let queries = values(setting.rows * width, seed: 77)
    let table = pack(items)
    let panels = (setting.items + 31) / 32
    var random = SeededGenerator(seed: 9)
    let masks: [[UInt32]?] = [
      nil, (0..<panels).map { _ in UInt32.random(in: 0...UInt32.max, using: &random) },
      (0..<panels).map { $0 % 10 < 5 ? 0 : .max }, Array(repeating: 0, count: panels),
    ]
    var scan = TopKScan()
    for mask in masks {
      for isFiltered in [false, true] {
        // Some are no items.
        let excluded = (0..<setting.rows).map { row in
          (-3..<Int32(setting.items + 40)).filter { (Int($0) + row) % 3 == 0 }
        }
        scan.scan(
          queries.span,
          over: table,
          k: setting.k,
          allowed: mask,
          excluded: isFiltered ? excluded : []
        )
        for row in 0..<setting.rows {
          let expected = sorted(
            queries[(row * width)..<((row + 1) * width)],
            items,
            k: setting.k
          ) { item in
            let (panel, lane) = Int(item).quotientAndRemainder(dividingBy: 32)
            return !(isFiltered && excluded[row].contains(item))
              && (mask.map { $0[panel] >> UInt32(lane) & 1 == 1 } ?? true)
          }
          #expect(Array(scan[row]) == expected)
        }
      }
    }
  }

  @Test("a query's matches have the same bits in any batch")
  func invariant() {
    var random = SeededGenerator(seed: 4)
    let width = 64
    let items = random.floats(1003 * width)
    let queries = random.floats(101 * width)
    let table = ScanTable(items[...], width: width)
    var (alone, together) = (TopKScan(), TopKScan())
    for rows in [2, 7, 48, 66, 69, 101] {
      together.scan(queries.span.extracting(0..<(rows * width)), over: table, k: 20)
      for row in 0..<rows {
        alone.scan(
          queries.span.extracting((row * width)..<((row + 1) * width)),
          over: table,
          k: 20
        )
        #expect(together[row].map(\.item) == alone[0].map(\.item))
        #expect(together[row].map(\.score.bitPattern) == alone[0].map(\.score.bitPattern))
      }
    }
  }

  @Test("NaN and −∞ are never taken, +∞ is")
  func notFinite() {
    var items = [Float](repeating: 0, count: 20 * width)
    for (item, value) in [(2, Float.nan), (5, .infinity), (7, -.infinity), (18, .nan), (19, 1)] {
      items[item * width] = value
    }
    let query: [Float] = [1, 0, 0, 0, 0]
    var scan = TopKScan()
    scan.scan(query.span, over: pack(items), k: 20)
    #expect(scan[0].prefix(3).map(\.item) == [5, 19, 0])
    #expect(Set(scan[0].map(\.item)) == Set(0..<20).subtracting([2, 7, 18]))

    scan.scan([Float](repeating: .nan, count: width).span, over: pack(items), k: 20)
    #expect(scan[0].isEmpty)
  }

  /// Tables that rounding tells little of, or nothing.
  enum Odd: CaseIterable {
    case outlier, ascending, descending, nearlyEqual, equal, tiny, least, huge, mixed, infinite

    func values(_ items: Int, _ width: Int) -> [Float] {
      var random = SeededGenerator(seed: 3)
      var values = random.floats(items * width)
      for item in 0..<items {
        let row = (item * width)..<((item + 1) * width)
        switch self {
        case .outlier: for i in row where item == 77 { values[i] *= 1e6 }
        case .ascending: for i in row { values[i] = Float(item) + values[i] / 1e6 }
        case .descending: for i in row { values[i] = -Float(item) }
        case .nearlyEqual: for i in row { values[i] = 1 + values[i] * 1e-6 }
        case .equal: for i in row { values[i] = 0.5 }
        case .infinite: for i in row where item == 9 { values[i] = .infinity }
        case .tiny: for i in row { values[i] *= 1e-30 }
        case .least: for i in row { values[i] *= 6 * .leastNonzeroMagnitude }
        case .huge: for i in row { values[i] *= 1e37 }
        case .mixed:
          for i in row where item % 3 == 0 {
            values[i] *= Float(sign: .plus, exponent: -(item % 40), significand: 1)
          }
        }
      }
      return values
    }
  }

  @Test(
    "whatever the numbers, the result is that of exact scores to the bit",
    arguments: Odd.allCases
  )
  func exact(odd: Odd) {
    let (items, width, rows) = (6_000, 6, 15)
    // Not the beginning of what it is part of.
    let values = [7] + odd.values(items, width)
    var random = SeededGenerator(seed: 8)
    var queries = random.floats(rows * width)
    for i in 0..<width {
      queries[i] = 1
      queries[width + i] *= 1e-20
      queries[2 * width + i] = 0
      queries[3 * width + i] = i == 2 ? .nan : 1
      queries[4 * width + i] *= 1e3
    }
    let table = ScanTable(values[1...], width: width)
    let masks = (0..<188).map { UInt32(truncatingIfNeeded: $0 * 0x9E37_79B9) }
    let excluded = (0..<rows).map { row in
      (0..<Int32(items)).filter { (Int($0) + row) % 7 == 0 }
    }
    var scan = TopKScan()
    for (k, isFiltered) in [(1, true), (20, false), (300, true), (20, true)] {
      scan.scan(
        queries.span,
        over: table,
        k: k,
        allowed: isFiltered ? masks : nil,
        excluded: isFiltered ? excluded : []
      )
      for row in 0..<rows {
        let scores = (0..<items).map { item in
          (0..<width).reduce(Float(0)) {
            $0 + queries[row * width + $1] * values[1 + item * width + $1]
          }
        }
        let eligible = (0..<items).filter { item -> Bool in
          if isFiltered, masks[item / 32] >> UInt32(item % 32) & 1 == 0 { return false }
          if isFiltered, (item + row) % 7 == 0 { return false }
          return scores[item] > -.infinity
        }
        let best =
          eligible
          .sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(k)
        #expect(scan[row].map(\.item) == best.map(Int32.init))
        #expect(scan[row].map(\.score.bitPattern) == best.map { scores[$0].bitPattern })
      }
    }
  }

  @Test("a scan goes from table to table, whatever these measure")
  func reused() {
    var (scan, random) = (TopKScan(), SeededGenerator(seed: 6))
    for (items, width, rows) in [(300, 8, 20), (40, 3, 7), (5, 65, 1), (0, 4, 3), (900, 8, 13)] {
      let (values, queries) = (random.floats(items * width), random.floats(rows * width))
      let table = ScanTable(values[...], width: width)
      var fresh = TopKScan()
      for k in [0, 9, items, items + 5] {
        scan.scan(queries.span, over: table, k: k)
        fresh.scan(queries.span, over: table, k: k)
        for row in 0..<rows {
          #expect(Array(scan[row]) == Array(fresh[row]) && scan[row].count == min(k, items))
        }
      }
    }
  }

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
        let exact = zip(query, table.row(item)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        var (sum, shifted) = (0, Int(rounded.start))
        for input in 0..<width {
          let number = Int(
            table.rounded.panels[item / 32 * table.rounded.pairs + input / 2][
              2 * (item % 32) + input % 2
            ]
          )
          let word = UInt32(bitPattern: rounded.pairs[input / 2])
          #expect(word & 0xFFFF == word >> 16)
          let other = Int(Int8(truncatingIfNeeded: word >> UInt32(8 * (input % 2))))
          sum += (number - RoundedRows.offset) * other
          shifted += number * other
        }
        #expect(sum.magnitude <= 32_767 && Int16(truncatingIfNeeded: shifted) == Int16(sum))
        farthest = max(farthest, abs(Double(sum) - exact / precision.unit))
      }
      #expect(farthest <= Double(precision.margin) / 2)
      #expect(farthest > Double(precision.margin) / 40)
    }
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

  @Test("no query is no result, and the next scan does not remember the last")
  func sizes() {
    let table = pack(values(40 * width, seed: 1))
    let queries = values(8 * width, seed: 2)
    var (scan, fresh) = (TopKScan(), TopKScan())
    scan.scan(queries.span, over: table, k: 30)
    scan.scan([Float]().span, over: table, k: 30)
    scan.scan(queries.span.extracting(0..<width), over: table, k: 3)
    fresh.scan(queries.span.extracting(0..<width), over: table, k: 3)
    #expect(Array(scan[0]) == Array(fresh[0]))
    #expect(scan[0].count == 3)
  }
}
