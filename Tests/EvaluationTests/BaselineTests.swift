import Foundation
import Testing

@testable import Evaluation

/// Random clicks for baselines: sessions that come and go over items of uneven popularity.
struct RandomClicks {
  struct Click {
    let item: Int32
    let session: Int32
    let history: ArraySlice<Int32>
  }

  private(set) var clicks: [Click] = []

  init(_ count: Int, items: Int, sessions: Int, seed: UInt64 = 1) {
    var random = SplitMix64(seed: seed)
    var histories: [Int32: [Int32]] = [:]
    for _ in 0..<count {
      let session = Int32(random.below(sessions))
      let item = Int32(random.below(1 + random.below(items)))
      let history = histories[session] ?? []
      clicks.append(Click(item: item, session: session, history: history[...]))
      // Now and then a session ends, and another begins under its number.
      histories[session] = random.chance(0.1) ? [] : history + [item]
    }
  }
}

extension Baseline {
  /// Learns whole sessions, one after the other.
  mutating func learn(_ sessions: [Int32: [Int32]]) {
    for (session, items) in sessions.sorted(by: { $0.key < $1.key }) {
      for place in items.indices {
        learn(items[place], session: session, history: items[..<place])
      }
    }
  }
}

@Suite("Baselines")
struct BaselineTests {
  @Test("know nothing at first, and no history, item or count is too odd", arguments: 0..<5)
  func odd(row: Int) {
    var baseline = Baselines.all[row]
    #expect(baseline.suggest(after: [], count: 3) == [])
    baseline.learn(-1, session: 0, history: [])
    #expect(baseline.suggest(after: [-1, .min], count: 3) == [])
    baseline.learn(4, session: -1, history: [-7])
    baseline.learn(2, session: -1, history: [-7, 4])
    let list = baseline.suggest(after: [900, -1], count: 3)
    #expect(list.filter { $0 != 900 }.sorted() == [2, 4])
    for count in [0, -1, .min] { #expect(baseline.suggest(after: [4], count: count) == []) }
    #expect(baseline.suggest(after: [4], count: .max).sorted() == [2, 4])
    baseline.learn(70_000, session: .max, history: [])
    #expect(Set(baseline.suggest(after: [], count: 9)).isSubset(of: [2, 4, 70_000]))
  }

  @Test("suggest as many as wanted, each once, and the same to the same", arguments: 0..<5)
  func lists(row: Int) {
    var baseline = Baselines.all[row]
    var twin = Baselines.all[row]
    var learned: Set<Int32> = []
    for (index, click) in RandomClicks(3_000, items: 60, sessions: 30).clicks.enumerated() {
      if index >= 1_000 {
        let list = baseline.suggest(after: click.history, count: 20)
        #expect(list.count == 20)
        #expect(Set(list).count == 20)
        #expect(learned.isSuperset(of: list))
        #expect(list == twin.suggest(after: click.history, count: 20))
      }
      learned.insert(click.item)
      baseline.learn(click.item, session: click.session, history: click.history)
      twin.learn(click.item, session: click.session, history: click.history)
    }
  }

  @Test("each has a name of its own")
  func names() {
    #expect(
      Baselines.all.map(\.name) == [
        "popularity", "recent popularity", "repeat last", "transition counts",
        "session neighbours",
      ]
    )
  }

  /// Transition counts as `counts.py` computes them for this data; the others are our own.
  @Test(
    "have the known figures on published data, left as they are and updated",
    .enabled(if: FileManager.default.fileExists(atPath: ClickFileTests.shared.path)),
    arguments: [
      (0, ["8.94", "4.03"], ["9.47", "4.29"]), (1, ["14.18", "5.70"], ["17.01", "6.49"]),
      (2, ["38.18", "31.94"], ["38.44", "32.01"]), (3, ["58.74", "40.31"], ["61.42", "42.00"]),
      (4, ["68.25", "43.52"], ["69.41", "44.00"]),
    ]
  )
  func published(row: Int, frozen: [String], updated: [String]) throws {
    let path = ClickFileTests.shared.appending(path: "yoochoose-100k/clicks.tsv.gz").path
    var clicks: [FileClick] = []
    try ClickFile.forEach(path) { if case .click(let click) = $0 { clicks.append(click) } }
    var items = Numbering(sorting: clicks.map(\.item))
    var users = Numbering()
    for (updates, figures) in [(false, frozen), (true, updated)] {
      var baseline = Baselines.all[row]
      var ranks: [Int32] = []
      var histories: [Int32: [Int32]] = [:]
      for click in clicks {
        let (user, item) = (users.number(of: click.user), items.number(of: click.item))
        let history = histories[user, default: []]
        if click.part == "test", !history.isEmpty {
          let list = baseline.suggest(after: history[...], count: 20)
          ranks.append(list.firstIndex(of: item).map { Int32($0) } ?? .max)
        }
        if click.part == "train" || updates {
          baseline.learn(item, session: user, history: history[...])
        }
        histories[user] = history + [item]
      }
      let found = [RankMetric.Kind.hitRate, .ndcg].map {
        String(format: "%.2f", 100 * RankMetric($0, cutoff: 20).mean(of: ranks))
      }
      #expect(found == figures)
    }
  }
}

@Suite("Numbering")
struct NumberingTests {
  @Test("numbers what is known by id, and what is new as it comes")
  func numbers() {
    var numbering = Numbering(sorting: ["b", "c", "a", "b"])
    #expect(["c", "a", "z", "b", "y", "z"].map { numbering.number(of: $0) } == [2, 0, 3, 1, 4, 3])
    #expect(numbering.ids == ["a", "b", "c", "z", "y"])
  }
}
