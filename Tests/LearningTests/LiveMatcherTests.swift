import Kernels
import Matching
import Testing

@testable import Learning

@Suite("Live matching")
struct LiveMatcherTests {
  struct Filters: CustomTestStringConvertible, Sendable {
    let isSeen, isAllowing: Bool
    var testDescription: String { "seen \(isSeen), allow \(isAllowing)" }
    static let all = (0..<4).map { Filters(isSeen: $0 & 1 != 0, isAllowing: $0 & 2 != 0) }
  }

  private func live(_ catalogue: Catalogue) -> LiveItems {
    var live = LiveItems(of: catalogue, settings: Stream.settings)
    for lesson in Stream.lessons(60, items: 40) { live.learn(lesson) }
    return live
  }

  @Test("agrees with a full sort, in any batch", arguments: Filters.all, [1, 5, 100])
  func sorted(filters: Filters, k: Int) throws {
    let catalogue = try Stream.catalogue(30)
    let table = LiveTable(live(catalogue))
    let all =
      (0..<Int32(30))
      + (30..<Int32(30 + table.count))
      .filter { table.items[Int($0) - 30].known == nil }
    func id(_ item: Int32) -> String {
      item < 30 ? catalogue.ids[Int(item)] : table.id(of: item)
    }
    func isAllowed(_ id: String) -> Bool { !filters.isAllowing || id.utf8.count == 3 }
    let filter = ItemFilter(count: 30, allow: (0..<30).filter { isAllowed(id($0)) })
    var matcher = LiveMatcher(table, filter: filters.isAllowing ? filter : nil, allows: isAllowed)
    let oracles = (0..<5).flatMap { Stream.lesson($0 * 6 + 600).oracle }
    let previous = (0..<5).map { "i\($0 * 8)" }
    let seen = (0..<5).map { row in all.filter { (Int($0) + row) % 3 == 0 } }
    matcher.match(
      oracles.span,
      after: previous,
      with: catalogue,
      k: k,
      seen: filters.isSeen ? seen : []
    )
    for row in 0..<5 {
      let oracle = Array(oracles[(row * 4)..<(row * 4 + 4)])
      let eligible = all.filter {
        isAllowed(id($0)) && !(filters.isSeen && seen[row].contains($0))
      }
      let expected = eligible.map { ($0, score(id($0), oracle, previous[row], table, catalogue)) }
        .sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(k)
      #expect(matcher[row].map(\.item) == expected.map(\.0))
      var alone = LiveMatcher(table, filter: filters.isAllowing ? filter : nil, allows: isAllowed)
      alone.match(
        oracle.span,
        after: [previous[row]],
        with: catalogue,
        k: k,
        seen: filters.isSeen ? [seen[row]] : []
      )
      #expect(alone[0] == matcher[row])
    }
  }

  /// Item by item, in the order of the kernel's sums.
  private func score(
    _ id: String,
    _ oracle: [Float],
    _ previous: String,
    _ table: LiveTable,
    _ catalogue: Catalogue
  ) -> Float {
    let place = table.items.firstIndex { $0.id == id }
    let row = place.map { table.embeddings.row($0) }
    let embedding = row ?? catalogue.index(of: id).map(catalogue.embedding) ?? []
    let product = zip(oracle, embedding).reduce(Float(0)) { $0 + $1.0 * $1.1 }
    guard let place else { return product }
    var scores = table.gains
    var span = scores.mutableSpan
    table.add(transitionsFrom: previous, to: &span)
    let transition = span[place] - table.gains[place]
    return product + table.gains[place] + transition
  }

  @Test("of equal scores the lower number comes first, wherever they come from")
  func ties() throws {
    let zeros = [Float](repeating: 0, count: 12)
    let catalogue = try Catalogue(
      ItemIndex(["a", "b", "c"]),
      embeddings: zeros[...],
      width: 4,
      counts: [1, 1, 1]
    )
    var live = LiveItems(of: catalogue)
    live.learn(Lesson(position: nil, oracle: [], previous: "b", item: "new"))
    var matcher = LiveMatcher(LiveTable(live), filter: nil) { _ in true }
    matcher.match([1, 2, 3, 4].span, after: ["c"], with: catalogue, k: 4)
    // Without lengths there is no τ: every score is zero. `new` is the second that is live.
    #expect(matcher[0].map(\.item) == [0, 1, 2, 4])
    matcher.match([1, 2, 3, 4].span, after: ["c"], with: catalogue, k: 2)
    #expect(matcher[0].map(\.item) == [0, 1])
  }

  @Test("of whom nothing is known: what follows the last click, then what is clicked, or nothing")
  func recent() throws {
    let catalogue = try Stream.catalogue()
    var live = LiveItems(of: catalogue)
    for item in ["x", "y", "y", "z", "x"] {
      live.learn(
        Lesson(position: nil, oracle: [], previous: item == "z" ? "new" : "i0", item: item)
      )
    }
    let matcher = LiveMatcher(LiveTable(live), filter: nil) { $0 != "i0" }
    func names(_ previous: String, k: Int, seen: [String] = []) -> [String] {
      let seen = seen.compactMap(matcher.table.index)
      return matcher.recent(after: previous, k: k, seen: seen).map {
        matcher.table.id(of: $0.item)
      }
    }
    #expect(names("new", k: 3) == ["z", "x", "y"])
    #expect(names("never clicked", k: 3) == ["x", "y", "z"])
    #expect(names("new", k: 2, seen: ["z"]) == ["x", "y"])
    #expect(names("new", k: 4) == ["z", "x", "y", "new"])
    #expect(names("new", k: 5).isEmpty)
  }
}
