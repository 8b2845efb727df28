import Kernels
import TestSupport
import Testing

@Suite("Selection")
struct SelectionTests {
  @Test("the first are those of a sort", arguments: [1, 2, 7, 1_000])
  func sorted(kinds: Int) {
    var random = SeededGenerator(seed: 5)
    for size in [0, 1, 2, 3, 10, 257] {
      let values = (0..<size).map { (key: Int.random(in: 0..<kinds, using: &random), place: $0) }
      let all = values.sorted { ($0.key, $0.place) < ($1.key, $1.place) }.map(\.place)
      for count in [-1, 0, 1, 2, size / 2, size - 1, size, size + 1] {
        let first = values.first(count) { ($0.key, $0.place) < ($1.key, $1.place) }
        #expect(first.map(\.place) == Array(all.prefix(max(0, count))))
      }
    }
  }

  @Test("an order that is bad for its pivots ends in a sort")
  func adversarial() {
    // Each middle element is the least of those left, as the parts before it leave them.
    var values: [Int] = []
    for value in (0..<2_000).reversed() {
      values.insert(value, at: 0)
      values.swapAt(0, values.count / 2)
    }
    var comparisons = 0
    let first = values.first(1_000) {
      comparisons += 1
      return $0 < $1
    }
    #expect(first == Array(0..<1_000))
    // A million and a half otherwise.
    #expect(comparisons < 300_000)
  }
}
