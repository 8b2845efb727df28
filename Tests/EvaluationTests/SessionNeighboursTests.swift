import Testing

@testable import Evaluation

@Suite("Session neighbours")
struct SessionNeighboursTests {
  /// A, B and C, in this order.
  static let sessions: [Int32: [Int32]] = [0: [1, 2, 3], 1: [1, 4], 2: [5]]

  func learned(_ change: (inout SessionNeighbours.Limits) -> Void = { _ in }) -> SessionNeighbours {
    var limits = SessionNeighbours.Limits()
    change(&limits)
    var neighbours = SessionNeighbours(limits)
    neighbours.learn(Self.sessions)
    return neighbours
  }

  @Test("vote by similarity over distance, and are filled up with the popular")
  func byHand() {
    var neighbours = learned()
    // A and B 10 each: 20 for 1, 10 for 2, 3 and 4; C has no vote, but 5 is popular.
    #expect(neighbours.suggest(after: [1], count: 9) == [1, 2, 3, 4, 5])
    // B 10 + 9, A 9 / 2: 23.5 for 1, 19 for 4, 4.5 for 2 and 3.
    #expect(neighbours.suggest(after: [1, 4], count: 4) == [1, 4, 2, 3])
    // C 10, A and B 9 / 2 each: 10 for 5, 9 for 1.
    #expect(neighbours.suggest(after: [1, 5], count: 3) == [5, 1, 2])
    // The first 1 weighs nothing more: C 9 / 2, A and B 10 each.
    #expect(neighbours.suggest(after: [1, 5, 1], count: 5) == [1, 2, 3, 4, 5])
    #expect(neighbours.suggest(after: [88], count: 2) == [1, 2])
  }

  @Test("clicks more than ten back are not compared")
  func reach() {
    var neighbours = learned()
    let padding = [Int32](repeating: 88, count: 9)
    #expect(neighbours.suggest(after: [5] + padding, count: 2) == [5, 1])
    #expect(neighbours.suggest(after: [5] + padding + [88], count: 2) == [1, 2])
  }

  @Test("of sessions as similar, those that clicked last vote")
  func latest() {
    // B only.
    var one = learned { $0.neighbours = 1 }
    #expect(one.suggest(after: [1], count: 5) == [1, 4, 2, 3, 5])
    one.learn(2, session: 0, history: [1, 2, 3])
    #expect(one.suggest(after: [1], count: 5) == [1, 2, 3, 4, 5])
    var candidate = learned { $0.candidates = 1 }
    #expect(candidate.suggest(after: [2, 1], count: 5) == [1, 4, 2, 3, 5])
  }

  @Test("the oldest sessions are forgotten, and begin with their history when they click on")
  func ring() {
    var neighbours = learned { $0.sessions = 2 }
    #expect(neighbours.suggest(after: [3], count: 5) == [1, 2, 3, 4, 5])
    #expect(neighbours.suggest(after: [4], count: 2) == [1, 4])
    neighbours.learn(6, session: 0, history: [1, 2, 3])
    #expect(neighbours.suggest(after: [3], count: 5) == [1, 2, 3, 6, 4])
    #expect(neighbours.suggest(after: [4], count: 2) == [1, 2])
    #expect(neighbours.suggest(after: [5], count: 1) == [5])
  }

  @Test("of a long session the items clicked last are kept")
  func length() {
    var neighbours = learned { $0.items = 2 }
    #expect(neighbours.suggest(after: [3], count: 3) == [2, 3, 1])
    #expect(neighbours.suggest(after: [1], count: 3) == [1, 4, 2])
  }

  @Test("are bounded, and say of each item who holds it, whatever comes")
  func bounded() {
    var limits = SessionNeighbours.Limits()
    (limits.candidates, limits.sessions, limits.items) = (4, 5, 3)
    var neighbours = SessionNeighbours(limits)
    for click in RandomClicks(3_000, items: 20, sessions: 50).clicks {
      neighbours.learn(click.item, session: click.session, history: click.history)
      let index = neighbours.index
      #expect(index.items.count <= 5)
      #expect(index.slots.count == index.items.count)
      #expect(index.items.allSatisfy { $0.count <= 3 && Set($0).count == $0.count })
      #expect(index.holders.count <= 20)
      for (item, slots) in index.holders.enumerated() {
        #expect(slots.count <= 4 && Set(slots).count == slots.count)
        #expect(slots.allSatisfy { index.items[Int($0)].contains(Int32(item)) })
      }
    }
  }

  @Test("limits below one are one")
  func noLimits() {
    var neighbours = learned {
      ($0.neighbours, $0.candidates, $0.sessions, $0.items) = (0, -1, .min, 0)
    }
    #expect(neighbours.suggest(after: [5], count: 2) == [5, 1])
  }

  @Test("suggest what a naive search of all sessions does", arguments: [2, 5, 1_000])
  func naive(bound: Int) {
    var limits = SessionNeighbours.Limits()
    (limits.neighbours, limits.candidates) = (bound, 2 * bound)
    (limits.sessions, limits.items) = (4 * bound, bound)
    var neighbours = SessionNeighbours(limits)
    var naive = NaiveNeighbours(limits: limits)
    for click in RandomClicks(700, items: 30, sessions: 40, seed: 3).clicks {
      let list = neighbours.suggest(after: click.history, count: 12)
      #expect(list == naive.suggest(after: click.history, count: 12))
      neighbours.learn(click.item, session: click.session, history: click.history)
      naive.learn(click.item, session: click.session, history: click.history)
    }
  }
}

/// Keeps sessions in a list and looks at all of them.
private struct NaiveNeighbours {
  struct Session {
    let number: Int32
    var items: [Int32] = []
    var lastClick = 0
  }

  let limits: SessionNeighbours.Limits
  /// In the order in which they began.
  var sessions: [Session] = []
  /// First clicks of an item by a session, in order.
  var firstClicks: [(item: Int32, session: Int32)] = []
  var clicks = 0
  var popularity = Popularity()

  mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
    popularity.learn(item)
    clicks += 1
    var fresh: [Int32] = [item]
    if !sessions.contains(where: { $0.number == session }) {
      if sessions.count == limits.sessions {
        let oldest = sessions.removeFirst()
        firstClicks.removeAll { $0.session == oldest.number }
      }
      sessions.append(Session(number: session))
      fresh = history.suffix(limits.items) + fresh
    }
    guard let place = sessions.firstIndex(where: { $0.number == session }) else { return }
    for item in fresh where !sessions[place].items.contains(item) {
      if sessions[place].items.count == limits.items {
        let dropped = sessions[place].items.removeFirst()
        firstClicks.removeAll { $0 == (dropped, session) }
      }
      sessions[place].items.append(item)
      firstClicks.append((item, session))
      let holders = firstClicks.filter { $0.item == item }
      if holders.count > limits.candidates {
        let first = holders[0]
        firstClicks.removeAll { $0 == first }
      }
    }
    sessions[place].lastClick = clicks
  }

  mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] {
    let compared = Array(history.suffix(10).reversed())
    var voters: [(similarity: Int, distance: Int, session: Session)] = []
    for session in sessions.sorted(by: { $0.lastClick > $1.lastClick }) {
      let shared = compared.indices.filter { back in
        compared.firstIndex(of: compared[back]) == back
          && firstClicks.contains { $0 == (compared[back], session.number) }
      }
      if let first = shared.first {
        voters.append((shared.reduce(0) { $0 + 10 - $1 }, first + 1, session))
      }
    }
    voters = Array(voters.prefix(limits.candidates))
    voters.sort { ($1.0, $1.2.lastClick) < ($0.0, $0.2.lastClick) }
    var votes: [Int32: Double] = [:]
    for voter in voters.prefix(limits.neighbours) {
      for item in voter.session.items {
        votes[item, default: 0] += Double(voter.similarity) / Double(voter.distance)
      }
    }
    var list = votes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(count).map(\.key)
    for item in popularity.suggest(after: [], count: 2 * count)
    where list.count < count && !list.contains(item) { list.append(item) }
    return list
  }
}
