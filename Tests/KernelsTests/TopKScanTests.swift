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
    _ width: Int,
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
            width,
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
    case outlier, ascending, descending, nearlyEqual, equal, faint, tiny, least, huge, mixed
    case infinite

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
        case .faint: for i in row { values[i] *= 1e-25 }
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

  @Test("more items and queries than are taken at once give what a full sort gives")
  func runs() {
    let (items, width, rows) = (17_000, 7, 70)
    var random = SeededGenerator(seed: 12)
    let values = random.floats(items * width)
    var queries = random.floats(rows * width)
    // One of which rounding tells nothing.
    for i in elements(of: 68, width: width) { queries[i] = 0 }
    let table = ScanTable(values[...], width: width)
    let masks = (0..<532).map { UInt32(truncatingIfNeeded: ($0 / 9) * 0x9E37_79B9) }
    let excluded = (0..<rows).map { row in
      (0..<Int32(items)).filter { (Int($0) / 300 + row) % 5 == 0 }
    }
    var scan = TopKScan()
    for (k, isFiltered) in [(20, false), (20, true), (500, false), (9_000, true)] {
      scan.scan(
        queries.span,
        over: table,
        k: k,
        allowed: isFiltered ? masks : nil,
        excluded: isFiltered ? excluded : []
      )
      for row in [0, 5, 60, 65, 66, 68, 69] {
        let query = queries[(row * width)..<((row + 1) * width)]
        let expected = sorted(query, values, width, k: k) { item in
          !isFiltered
            || (masks[Int(item) / 32] >> UInt32(item % 32) & 1 == 1
              && (Int(item) / 300 + row) % 5 != 0)
        }
        #expect(Array(scan[row]) == expected)
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
