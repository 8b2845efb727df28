import Matching
import Testing

@Suite("The catalogue")
struct CatalogueTests {
  private func catalogue(
    _ ids: [String] = ["a", "b", "c", "d"],
    values: Int = 8,
    width: Int = 2,
    counts: [Int] = [3, 5, 5, 1]
  ) throws(MatchingFailure) -> Catalogue {
    let embeddings = [Float](repeating: 1, count: values)
    return try Catalogue(ItemIndex(ids), embeddings: embeddings[...], width: width, counts: counts)
  }

  @Test("finds items by id and index")
  func lookup() throws {
    let catalogue = try catalogue()
    #expect(catalogue.index(of: "c") == 2)
    #expect(catalogue.index(of: "e") == nil)
    #expect(catalogue.ids[2] == "c")
    #expect(catalogue.count == 4)
    #expect(catalogue.width == 2)
  }

  @Test("two spellings of one character are two items")
  func spellings() throws {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    let both = try catalogue([composed, decomposed, "c", "d"])
    #expect(both.index(of: composed) == 0)
    #expect(both.index(of: decomposed) == 1)
    #expect(try catalogue(["a", composed, "c", "d"]).index(of: decomposed) == nil)
  }

  @Test("the most popular come first, ties by index, without what is filtered")
  func popular() throws {
    let catalogue = try catalogue()
    #expect(
      catalogue.mostPopular(3) == [
        Match(item: 1, score: 5), Match(item: 2, score: 5), Match(item: 0, score: 3),
      ]
    )
    let filter = ItemFilter(count: 4, deny: [2])
    #expect(catalogue.mostPopular(9, seen: [0], filter: filter).map(\.item) == [1, 3])
    #expect(catalogue.mostPopular(0).isEmpty)
  }

  @Test("tables that do not fit, and items named twice, are refused")
  func refused() {
    #expect(throws: MatchingFailure.self) { try catalogue(values: 7) }
    #expect(throws: MatchingFailure.self) { try catalogue(width: 0) }
    #expect(throws: MatchingFailure.self) { try catalogue(counts: [1]) }
    let failure = #expect(throws: MatchingFailure.self) { try catalogue(["a", "b", "c", "a"]) }
    #expect(failure?.reason == "item 'a' is in the catalogue at 0 and at 3")
  }
}
