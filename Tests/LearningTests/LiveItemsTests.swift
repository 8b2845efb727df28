import Events
import Matching
import Testing

@testable import Learning

@Suite("Live items")
struct LiveItemsTests {
  private func learned(_ lessons: [Lesson], _ settings: LiveItems.Settings) throws -> LiveItems {
    var live = LiveItems(of: try Stream.catalogue(), settings: settings)
    for lesson in lessons { live.learn(lesson) }
    return live
  }

  @Test("learn what the formulas say, chunk by chunk", arguments: [1, 7, 8, 64, 203])
  func naive(count: Int) throws {
    let catalogue = try Stream.catalogue()
    let live = try learned(Stream.lessons(count), Stream.settings)
    var naive = NaiveLive(catalogue, Stream.settings)
    for lesson in Stream.lessons(count) { naive.learn(lesson) }
    let table = LiveTable(live)
    var matcher = LiveMatcher(table, filter: nil) { _ in true }
    for number in 300..<310 {
      let oracle = Stream.lesson(number * 6).oracle
      let previous = "i\(number % 9)"
      matcher.match(oracle.span, after: [previous], with: catalogue, k: 20)
      var matched: [String: Float] = [:]
      for match in matcher[0] {
        let isKnown = match.item < catalogue.count
        matched[isKnown ? catalogue.ids[Int(match.item)] : table.id(of: match.item)] = match.score
      }
      #expect(Set(matched.keys) == Set(catalogue.ids).union(naive.embeddings.keys))
      for id in naive.embeddings.keys {
        let expected = naive.score(id, oracle, after: previous)
        #expect(abs(Double(matched[id] ?? .nan) - expected) < 2e-4, "\(id) after \(count)")
      }
    }
  }

  @Test("a new item is suggested after its first click, where the session was like that one")
  func fresh() throws {
    let catalogue = try Stream.catalogue()
    let oracle: [Float] = [2, -1, 0.5, 3]
    let lesson = Lesson(position: nil, oracle: oracle, previous: "i0", item: "new")
    let table = LiveTable(try learned([lesson], .init()))
    var matcher = LiveMatcher(table, filter: nil) { _ in true }
    matcher.match(oracle.span, after: ["i3"], with: catalogue, k: 3)
    #expect(matcher[0].contains { $0.item == 6 + 1 })
    #expect(table.index(of: "new") == 7 && table.id(of: 7) == "new")
    #expect(table.embedding(of: "new") == oracle.map { $0 / 2 })
    #expect(table.index(of: "newer") == nil)
  }

  @Test(
    "oracles that are none teach counts alone",
    arguments: [[1], [1, 2, 3, .nan], [], [99, 0, 0, 0]]
  )
  func unusable(oracle: [Float]) throws {
    var lessons = Stream.lessons(16)
    for index in lessons.indices { lessons[index].oracle = oracle }
    let live = try learned(lessons, Stream.settings)
    let catalogue = try Stream.catalogue()
    for (place, item) in live.items.enumerated() {
      let row = Array(live.embeddings[(place * 4)..<(place * 4 + 4)])
      #expect(row == item.known.map(catalogue.embedding) ?? [0, 0, 0, 0])
    }
    #expect(live.items.map(\.recent).reduce(0, +) > 10)
    let counts = live.items.flatMap(\.successors).map(\.count)
    #expect(counts.reduce(0, +) == 16)
  }

  @Test("what was clicked least lately is let go of, and what follows what stays true")
  func bounded() throws {
    var settings = Stream.settings
    settings.limit = 20
    settings.successors = 3
    var live = LiveItems(of: try Stream.catalogue(), settings: settings)
    var clicks: [String: Int] = [:]
    for number in 0..<400 {
      let lesson = Stream.lesson(number, items: number < 200 ? 60 : 12)
      live.learn(lesson)
      clicks["\(lesson.previous) \(lesson.item)", default: 0] += 1
      #expect(live.count <= 20)
      #expect(live.embeddings.count == live.count * 4)
      #expect(live.items.allSatisfy { $0.successors.count <= 3 })
    }
    #expect(Set(live.items.map(\.id)).isSuperset(of: (0..<12).map { "i\($0)" }))
    #expect(live.places.count == live.count)
    for item in live.items {
      for successor in item.successors {
        let pair = "\(item.id) \(live.items[Int(successor.item)].id)"
        #expect(successor.count > 0 && Int(successor.count) <= clicks[pair] ?? 0, "\(pair)")
      }
    }
  }

  @Test("an item that was there before its first click begins at the oracle of that")
  func previousFirst() throws {
    let oracle: [Float] = [0, -1, 0.5, 1]
    var lessons = Stream.lessons(16, items: 6)
    lessons[3].previous = "new"
    lessons.append(Lesson(position: nil, oracle: oracle, previous: "i0", item: "new"))
    let table = LiveTable(try learned(lessons, Stream.settings))
    #expect(table.embedding(of: "new") == oracle.map { $0 / 2 })
    // And moves only with the next step.
    lessons.append(lessons[16])
    let again = LiveTable(try learned(lessons, Stream.settings))
    #expect(again.embedding(of: "new") == oracle.map { $0 / 2 })
  }

  @Test("embeddings without length are left as they are")
  func lengthless() throws {
    let zeros = [Float](repeating: 0, count: 8)
    let catalogue = try Catalogue(
      ItemIndex(["a", "b"]),
      embeddings: zeros[...],
      width: 4,
      counts: [1, 1]
    )
    var live = LiveItems(of: catalogue, settings: Stream.settings)
    for _ in 0..<20 {
      live.learn(Lesson(position: nil, oracle: [0, 0, 0, 0], previous: "a", item: "b"))
    }
    #expect(live.embeddings == zeros && live.targets.count == 4)
  }

  @Test("there is room for both items of a lesson; what followed least often gives way")
  func room() throws {
    var settings = Stream.settings
    settings.limit = 6
    settings.successors = 2
    var live = LiveItems(of: try Stream.catalogue(), settings: settings)
    func learn(_ pairs: String...) {
      for pair in pairs {
        live.learn(
          Lesson(position: nil, oracle: [], previous: "\(pair.first!)", item: "\(pair.last!)")
        )
      }
    }
    learn("px", "px", "py", "pz", "py")
    let followers = live.items[0].successors.map { (live.items[Int($0.item)].id, $0.count) }
    #expect(followers.map(\.0) == ["x", "y"] && followers.map(\.1) == [2, 1])
    learn("pa", "bc")
    #expect(live.count <= 6 && live.items.contains { $0.id == "c" })
  }

  @Test("no state with values that none can have is taken for one")
  func impossible() throws {
    let catalogue = try Stream.catalogue()
    let live = try learned(Stream.lessons(75), Stream.settings)
    func isTaken(_ change: (inout LiveItems) -> Void) -> Bool {
      var changed = live
      change(&changed)
      return LiveItems(of: catalogue, settings: Stream.settings, encoded: changed.encoded) != nil
    }
    #expect(isTaken { _ in })
    #expect(!isTaken { $0.items[1].recent = .nan })
    #expect(!isTaken { $0.items[1].recent = -1 })
    #expect(!isTaken { $0.embeddings[3] = .infinity })
    #expect(!isTaken { $0.oracles[0] = .nan })
    #expect(!isTaken { $0.items[1] = $0.items[0] })
    #expect(!isTaken { $0.targets[0] = Int32($0.count) })
    #expect(!isTaken { $0.items[0].successors[0].item = Int32($0.count) })
    #expect(!isTaken { $0.lessons = -1 })
    #expect(
      !isTaken {
        for _ in 0..<8 {
          $0.targets.append(0)
          $0.oracles += [1, 1, 1, 1]
        }
      }
    )
  }

  @Test("goes on elsewhere, in the midst of a chunk, as if it had stayed")
  func movesOn() throws {
    let catalogue = try Stream.catalogue()
    var lessons = Stream.lessons(75)
    lessons[74].previous = "not placed yet"
    var stayed = try learned(lessons, Stream.settings)
    var moved = try #require(
      LiveItems(of: catalogue, settings: Stream.settings, encoded: stayed.encoded)
    )
    for number in 75..<90 {
      var lesson = Stream.lesson(number)
      if number == 84 { lesson.item = "not placed yet" }
      stayed.learn(lesson)
      moved.learn(lesson)
    }
    #expect(moved.encoded == stayed.encoded && moved.lessons == 90)
  }

  @Test("no part of a state, and no state of another model, is taken for one")
  func damaged() throws {
    let live = try learned(Stream.lessons(75), Stream.settings)
    let catalogue = try Stream.catalogue()
    let whole = live.encoded
    for count in 0..<whole.count {
      let part = LiveItems(
        of: catalogue,
        settings: Stream.settings,
        encoded: Array(whole[..<count])
      )
      #expect(part == nil, "\(count) of \(whole.count) bytes")
    }
    #expect(LiveItems(of: catalogue, settings: Stream.settings, encoded: whole + [0]) == nil)
    let other = try Catalogue(ItemIndex(["i0"]), embeddings: [1, 2][...], width: 2, counts: [1])
    #expect(LiveItems(of: other, settings: Stream.settings, encoded: whole) == nil)
    // Any byte changed: a state or none, never a trap.
    for index in whole.indices {
      var changed = whole
      changed[index] ^= 0xC1
      guard
        var state = LiveItems(of: catalogue, settings: Stream.settings, encoded: changed)
      else { continue }
      for number in 0..<16 { state.learn(Stream.lesson(number)) }
      var matcher = LiveMatcher(LiveTable(state), filter: nil) { _ in true }
      matcher.match([1, 2, 3, 4].span, after: ["i1"], with: catalogue, k: 5)
    }
  }

  @Test("a lesson is read as it was written, and no part of it is")
  func lessonCoding() throws {
    let lesson = Lesson(position: nil, oracle: [1, -2.5], previous: "é", item: "")
    let bytes = lesson.encoded
    #expect(Lesson(encoded: bytes) == lesson)
    for count in bytes.indices { #expect(Lesson(encoded: Array(bytes[..<count])) == nil) }
    #expect(Lesson(encoded: bytes + [1]) == nil)
    #expect(Lesson(encoded: Array(repeating: 0xFF, count: 40)) == nil)
  }
}
