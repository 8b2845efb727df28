import Matching
import TestSupport
import Testing

@Suite("The index of items")
struct ItemIndexTests {
  @Test("finds every id and no other", arguments: [0, 1, 2, 7, 8, 9, 1_000])
  func finds(count: Int) {
    let ids = (0..<count).map { "\($0)" + String(repeating: "x", count: $0 % 20) }
    let index = ItemIndex(ids)
    #expect(ids.indices.allSatisfy { index.number(of: ids[$0]) == Int32($0) })
    for id in ["", "y", "1000", "0x", "\(count)", "9999999999999999999"] where !ids.contains(id) {
      #expect(index.number(of: id) == nil)
    }
    #expect(index.duplicate == nil && index.ids == ids)
  }

  @Test("agrees with a dictionary on ids of few letters, of which many hash alike in part")
  func naive() {
    var random = SeededGenerator(seed: 2)
    func draw() -> String {
      (0..<Int.random(in: 0...18, using: &random))
        .map { _ in Bool.random(using: &random) ? "a" : "b" }.joined()
    }
    let ids = Array(Set((0..<3_000).map { _ in draw() }))
    let numbers = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
    let index = ItemIndex(ids)
    for id in (0..<3_000).map({ _ in draw() }) + ids {
      #expect(index.number(of: id).map(Int.init) == numbers[id])
    }
  }

  @Test("two spellings of one character are two items; the same bytes are one, however they came")
  func bytes() {
    let index = ItemIndex(["e\u{301}", "\u{e9}", "z"])
    #expect(index.duplicate == nil)
    #expect(index.number(of: "\u{e9}") == 1 && index.number(of: "e\u{301}") == 0)
    let far = "a" + String(repeating: "b", count: 40)
    #expect(ItemIndex([far]).number(of: String(decoding: Array(far.utf8), as: UTF8.self)) == 0)
  }

  @Test("an id that is there twice is told of, the first of them stays")
  func duplicates() {
    let index = ItemIndex(["a", "b", "c", "b", "a"])
    #expect(index.duplicate?.first == 1 && index.duplicate?.second == 3)
    #expect(index.number(of: "b") == 1 && index.number(of: "a") == 0)
  }
}
