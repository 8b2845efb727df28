import Kernels
import Matching
import Testing

/// A generator of its own, so that a failing case comes back.
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}

/// A catalogue of small whole numbers, so that scores are exact and many are equal.
struct World: CustomTestStringConvertible, Sendable {
  let items: Int
  let rows: Int
  let width: Int
  let count: Int
  var testDescription: String { "\(rows)×\(width) over \(items), top \(count)" }

  static let all = [
    World(items: 1, rows: 1, width: 1, count: 1), World(items: 15, rows: 2, width: 3, count: 20),
    World(items: 16, rows: 7, width: 4, count: 5), World(items: 17, rows: 25, width: 5, count: 17),
    World(items: 513, rows: 3, width: 8, count: 20),
    World(items: 1_200, rows: 49, width: 2, count: 9),
  ]

  func make() -> (catalogue: Catalogue, embeddings: [Float], oracles: [Float]) {
    var random = Seeded(state: UInt64(items * 31 + rows))
    func values(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float(Int.random(in: -3...3, using: &random)) }
    }
    let embeddings = values(items * width)
    let catalogue = Catalogue(
      ids: (0..<items).map { "i\($0)" },
      clicks: (0..<items).map { $0 % 7 },
      embeddings: (embeddings + values(width)).span,
      width: width
    )
    return (catalogue, embeddings, values(rows * width))
  }

  /// A full sort: what the scan must equal.
  func sorted(
    _ embeddings: [Float],
    _ oracles: [Float],
    row: Int,
    where accepts: (Int) -> Bool
  ) -> [Match] {
    let scores = (0..<items).map { item in
      (0..<width).reduce(Float(0)) { sum, k in
        sum + oracles[row * width + k] * embeddings[item * width + k]
      }
    }
    return scores.indices.filter(accepts).sorted { (-scores[$0], $0) < (-scores[$1], $1) }
      .prefix(count).map { Match(index: Int32($0), score: scores[$0]) }
  }
}

@Suite("Matcher")
struct MatcherTests {
  @Test("finds what a full sort finds, ties by index", arguments: World.all)
  func exact(world: World) {
    let (catalogue, embeddings, oracles) = world.make()
    var matcher = Matcher(catalogue)
    let found = matcher.match(oracles.span, count: world.count)
    #expect(found.count == world.rows)
    for row in 0..<world.rows {
      #expect(found[row] == world.sorted(embeddings, oracles, row: row) { _ in true })
    }
  }

  @Test("seen, denied and not allowed items are left out", arguments: World.all)
  func filtered(world: World) {
    let (catalogue, embeddings, oracles) = world.make()
    let seen = (0..<world.rows).map { row in (0..<5).map { Int32(($0 * 3 + row) % world.items) } }
    let allowed = Set((0..<world.items).filter { $0 % 3 != 1 }.map { "i\($0)" } + ["unknown"])
    var matcher = Matcher(catalogue, allowed: allowed, denied: ["i2", "i5", "nobody"])
    let found = matcher.match(oracles.span, count: world.count, seen: seen)
    for row in 0..<world.rows {
      let expected = world.sorted(embeddings, oracles, row: row) { item in
        item % 3 != 1 && item != 2 && item != 5 && !seen[row].contains(Int32(item))
      }
      #expect(found[row] == expected)
    }
  }

  @Test("a row's matches are the same alone and in any batch")
  func alone() {
    var random = Seeded(state: 5)
    func values(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
    }
    let (items, width, rows) = (700, 64, 31)
    let catalogue = Catalogue(
      ids: (0..<items).map { "\($0)" },
      clicks: Array(repeating: 0, count: items),
      embeddings: values(items * width).span,
      width: width
    )
    var matcher = Matcher(catalogue)
    let oracles = values(rows * width)
    let together = matcher.match(oracles.span, count: 20)
    for row in 0..<rows {
      let one = Array(oracles[(row * width)..<((row + 1) * width)])
      let single = matcher.match(one.span, count: 20)
      #expect(single == [together[row]])
    }
  }

  @Test("what is not a number is never found")
  func notANumber() {
    let catalogue = Catalogue(
      ids: ["a", "b", "c"],
      clicks: [0, 0, 0],
      embeddings: [.nan, 1, 2].span,
      width: 1
    )
    var matcher = Matcher(catalogue)
    let oracles: [Float] = [1, .nan]
    let found = matcher.match(oracles.span, count: 3)
    #expect(found.map { $0.map(\.index) } == [[2, 1], []])
    let none = matcher.match([Float]().span, count: 3)
    #expect(none == [])
  }

  @Test("the popular are ranked by clicks, then by index, and filtered alike")
  func popular() {
    let catalogue = Catalogue(
      ids: ["a", "b", "c", "d"],
      clicks: [1, 3, 3, 0],
      embeddings: [0, 0, 0, 0].span,
      width: 1
    )
    #expect(Matcher(catalogue).popular(3).map(\.index) == [1, 2, 0])
    #expect(Matcher(catalogue).popular(3).map(\.score) == [3, 3, 1])
    #expect(Matcher(catalogue, denied: ["b"]).popular(9, seen: [0]).map(\.index) == [2, 3])
    #expect(catalogue.index(of: "c") == 2 && catalogue.index(of: "e") == nil)
  }
}
