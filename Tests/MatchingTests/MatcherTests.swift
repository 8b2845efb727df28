import Matching
import Testing

@Suite("Matching")
struct MatcherTests {
  static let width = 4

  /// N items whose embeddings are small whole numbers: sums are exact and ties are many.
  static func embeddings(_ count: Int) -> [Float] {
    (0..<(count * width)).map {
      Float(stride(from: $0, to: 0, by: -3).reduce(7) { ($0 * 31 + $1) % 5 }) - 2
    }
  }

  static func catalogue(_ count: Int) throws -> Catalogue {
    try Catalogue(
      ItemIndex((0..<count).map { "item \($0)" }),
      embeddings: embeddings(count)[...],
      width: width,
      counts: (0..<count).map { $0 % 7 }
    )
  }

  struct Filters: CustomTestStringConvertible, Sendable {
    var isSeen = false
    var isAllowing = false
    var isDenying = false
    var testDescription: String { "seen \(isSeen), allow \(isAllowing), deny \(isDenying)" }

    static let all = (0..<8).map {
      Filters(isSeen: $0 & 1 != 0, isAllowing: $0 & 2 != 0, isDenying: $0 & 4 != 0)
    }
  }

  @Test("agrees with a full sort under every filter", arguments: Filters.all, [1, 20, 33, 200])
  func naive(filters: Filters, items: Int) throws {
    let catalogue = try Self.catalogue(items)
    let embeddings = Self.embeddings(items)
    let all = Array(0..<Int32(items))
    let allow = filters.isAllowing ? all.filter { $0 % 5 < 3 } : nil
    let deny = filters.isDenying ? all.filter { $0 % 4 == 1 } : []
    let isFiltered = filters.isAllowing || filters.isDenying
    var matcher = Matcher()
    for rows in [1, 3, 8] {
      let oracles = (0..<(rows * Self.width)).map { Float(($0 * 5 + 1) % 7) - 3 }
      let seen = (0..<rows).map { row in all.filter { (Int($0) + row) % 3 == 0 } }
      for k in [1, 10, items + 5] {
        matcher.match(
          oracles.span,
          with: catalogue,
          k: k,
          seen: filters.isSeen ? seen : [],
          filter: isFiltered ? ItemFilter(count: items, allow: allow, deny: deny) : nil
        )
        for row in 0..<rows {
          let eligible = all.filter {
            !(filters.isSeen && seen[row].contains($0)) && !deny.contains($0)
              && (allow?.contains($0) ?? true)
          }
          let scored = eligible.map { item in
            let score = (0..<Self.width).reduce(Float(0)) {
              $0 + oracles[row * Self.width + $1] * embeddings[Int(item) * Self.width + $1]
            }
            return Match(item: item, score: score)
          }
          let expected = scored.sorted { ($1.score, $0.item) < ($0.score, $1.item) }.prefix(k)
          #expect(Array(matcher[row]) == Array(expected))
        }
      }
    }
  }

  @Test("filters that leave nothing give nothing")
  func empty() throws {
    let catalogue = try Self.catalogue(20)
    let oracle: [Float] = [1, 1, 1, 1]
    var matcher = Matcher()
    matcher.match(oracle.span, with: catalogue, k: 5, filter: ItemFilter(count: 20, allow: []))
    #expect(matcher[0].isEmpty)
    matcher.match(oracle.span, with: catalogue, k: 5, seen: [Array(0..<20)])
    #expect(matcher[0].isEmpty)
    matcher.match(oracle.span, with: catalogue, k: 0)
    #expect(matcher[0].isEmpty)
  }

  @Test("an empty catalogue gives nothing")
  func noItems() throws {
    let catalogue = try Self.catalogue(0)
    let oracle: [Float] = [1, 1, 1, 1]
    var matcher = Matcher()
    matcher.match(oracle.span, with: catalogue, k: 5)
    #expect(matcher[0].isEmpty)
    #expect(catalogue.mostPopular(5).isEmpty)
  }

  @Test("indices that are no item's are ignored by a filter")
  func foreign() {
    let filter = ItemFilter(count: 18, allow: [-1, 17, 18, 40], deny: [-7, 99])
    #expect((0..<18).filter { filter.contains(Int32($0)) } == [17])
    let denied = ItemFilter(count: 18, allow: [3, 4], deny: [4])
    #expect((0..<18).filter { denied.contains(Int32($0)) } == [3])
  }
}
