import Foundation
import Testing

@testable import Evaluation

@Suite("Popularity")
struct PopularityTests {
  @Test("ranks by clicks, then by who came first")
  func byHand() {
    var popularity = Popularity()
    popularity.learn([0: [7, 3, 9, 9]])
    #expect(popularity.suggest(after: [3], count: 2) == [9, 7])
    #expect(popularity.suggest(after: [], count: 5) == [9, 7, 3])
    #expect(popularity.suggest(after: [], count: 1) == [9])
  }

  @Test("ranks anew once enough clicks have come")
  func ranking() {
    var popularity = Popularity()
    popularity.learn(1)
    #expect(popularity.suggest(after: [], count: 1) == [1])
    for _ in 2..<Popularity.clicksPerRanking { popularity.learn(2) }
    #expect(popularity.suggest(after: [], count: 1) == [1])
    popularity.learn(2)
    #expect(popularity.suggest(after: [], count: 1) == [2])
  }
}

@Suite("Recent popularity")
struct RecentPopularityTests {
  @Test("a click counts half as much after a half-life")
  func byHand() {
    // 1/2 + 1/4 for item 5 against 1 for item 6; hardly faded, 2 against 1.
    var fading = RecentPopularity(halfLife: 1)
    fading.learn([0: [5, 5, 6]])
    #expect(fading.suggest(after: [], count: 2) == [6, 5])
    var lasting = RecentPopularity(halfLife: 1_000)
    lasting.learn([0: [5, 5, 6]])
    #expect(lasting.suggest(after: [], count: 2) == [5, 6])
  }

  @Test(
    "ranks as if every click were weighed again, also after thousands of half-lives",
    arguments: [1.0, 3, 20]
  )
  func naive(halfLife: Double) {
    var recent = RecentPopularity(halfLife: halfLife)
    var clicks: [Int32] = []
    for click in RandomClicks(4_000, items: 12, sessions: 1).clicks {
      recent.learn(click.item, session: 0, history: [])
      clicks.append(click.item)
      guard clicks.count.isMultiple(of: 13) else { continue }
      var weights: [Int32: Double] = [:]
      for (age, item) in clicks.reversed().enumerated() {
        weights[item, default: 0] += exp2(-Double(age) / halfLife)
      }
      let naive = weights.sorted { $0.value > $1.value }.prefix(4).map(\.key)
      #expect(recent.suggest(after: [], count: naive.count) == naive)
    }
  }

  @Test("is ranked anew after so many clicks as hardly fade it, 500 at most")
  func ranking() {
    for (halfLife, clicks) in [(10_000.0, 500), (100, 5), (1, 1), (.infinity, 500), (.nan, 1)] {
      var recent = RecentPopularity(halfLife: halfLife)
      recent.learn(1, session: 0, history: [])
      _ = recent.suggest(after: [], count: 1)
      var learned = 1
      while recent.suggest(after: [], count: 1) == [1], learned < 2_000 {
        recent.learn(2, session: 0, history: [])
        learned += 1
      }
      #expect(learned == max(2, clicks), "\(halfLife)")
    }
  }
}

@Suite("Repeat last")
struct RepeatLastTests {
  @Test("the session's clicks come latest first, each once, then what is popular")
  func byHand() {
    var last = RepeatLast()
    last.learn([0: [8, 8, 4, 1]])
    #expect(last.suggest(after: [1, 2, 3, 2], count: 6) == [2, 3, 1, 8, 4])
    #expect(last.suggest(after: [1, 2, 3, 2], count: 2) == [2, 3])
    #expect(last.suggest(after: [], count: 1) == [8])
  }
}

@Suite("Transition counts")
struct TransitionCountsTests {
  @Test("rank by count, then by item, and are filled up with the popular")
  func byHand() {
    var counts = TransitionCounts()
    counts.learn([0: [0, 2], 1: [0, 1], 2: [0, 1], 3: [0, 3], 4: [5, 5, 5, 5, 5]])
    #expect(counts.suggest(after: [9, 0], count: 5) == [1, 2, 3, 5, 0])
    #expect(counts.suggest(after: [0], count: 2) == [1, 2])
    #expect(counts.suggest(after: [0, 77], count: 3) == [5, 0, 1])
    #expect(counts.suggest(after: [], count: 1) == [5])
  }

  @Test("keep the order of a sort at every click")
  func naive() {
    var counts = TransitionCounts()
    var naive: [Int32: [Int32: Int]] = [:]
    for click in RandomClicks(4_000, items: 40, sessions: 20).clicks {
      if let previous = click.history.last {
        let followers = naive[previous, default: [:]]
        let sorted = followers.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        let list = counts.suggest(after: click.history, count: min(10, sorted.count))
        #expect(list == Array(sorted.prefix(10)))
        naive[previous, default: [:]][click.item, default: 0] += 1
      }
      counts.learn(click.item, session: click.session, history: click.history)
    }
  }
}
