import Kernels
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

  private func pack(_ items: [Float]) -> PackedMatrix {
    PackedMatrix(outputsByInputs: items.span, outputs: items.count / width, inputs: width)
  }

  @Test("agrees with a full sort, whatever is filtered", arguments: settings)
  func naive(setting: Setting) {
    let items = values(setting.items * width, seed: UInt64(setting.items))
    let queries = values(setting.rows * width, seed: 77)
    let matrix = pack(items)
    let panels = matrix.panels.count / width
    var random = SeededGenerator(seed: 9)
    let masks: [[UInt16]?] = [
      nil, (0..<panels).map { _ in UInt16.random(in: 0...UInt16.max, using: &random) },
      (0..<panels).map { $0 % 20 < 10 ? 0 : .max }, Array(repeating: 0, count: panels),
    ]
    var scan = TopKScan()
    for mask in masks {
      for isFiltered in [false, true] {
        func isExcluded(_ row: Int, _ item: Int32) -> Bool {
          isFiltered && (Int(item) + row) % 3 == 0
        }
        scan.scan(
          queries.span,
          over: matrix,
          k: setting.k,
          allowed: mask,
          isExcluded: isExcluded
        )
        for row in 0..<setting.rows {
          let expected = sorted(
            queries[(row * width)..<((row + 1) * width)],
            items,
            k: setting.k
          ) { item in
            let (panel, lane) = Int(item).quotientAndRemainder(dividingBy: 16)
            return !isExcluded(row, item)
              && (mask.map { $0[panel] >> UInt16(lane) & 1 == 1 } ?? true)
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
    let matrix = PackedMatrix(outputsByInputs: items.span, outputs: 1003, inputs: width)
    var (alone, together) = (TopKScan(), TopKScan())
    for rows in [2, 7, 48, 101] {
      together.scan(queries.span.extracting(0..<(rows * width)), over: matrix, k: 20)
      for row in 0..<rows {
        alone.scan(
          queries.span.extracting((row * width)..<((row + 1) * width)),
          over: matrix,
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

  @Test("no query is no result, and the next scan does not remember the last")
  func sizes() {
    let matrix = pack(values(40 * width, seed: 1))
    let queries = values(8 * width, seed: 2)
    var (scan, fresh) = (TopKScan(), TopKScan())
    scan.scan(queries.span, over: matrix, k: 30)
    scan.scan([Float]().span, over: matrix, k: 30)
    scan.scan(queries.span.extracting(0..<width), over: matrix, k: 3)
    fresh.scan(queries.span.extracting(0..<width), over: matrix, k: 3)
    #expect(Array(scan[0]) == Array(fresh[0]))
    #expect(scan[0].count == 3)
  }
}
