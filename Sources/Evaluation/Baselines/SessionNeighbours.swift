internal import Kernels

/// How sessions like this one went on: V-SkNN (Ludewig and Jannach, arXiv 1803.09587), then what is
/// popular.
///
/// A session is as similar to this one as the items weigh that both have: the last click weighs
/// ten, the one before nine, and so on. The most similar sessions vote for all their items, each
/// with its similarity over how far back the latest shared click is, as in session-rec, the
/// authors' code. One that has been learned is its own neighbour: what it clicked may come again.
package struct SessionNeighbours: Baseline {
  /// What is looked at and kept; numbers below 1 are taken as 1.
  package struct Limits: Equatable, Sendable {
    /// Sessions that vote, k.
    package var neighbours = 100
    /// Sessions that are compared, m: those that clicked last.
    ///
    /// An item, too, remembers only so many.
    package var candidates = 1_000
    /// Sessions that are kept: those that began last; one that is not starts with its history.
    package var sessions = 100_000
    /// Items that are kept of a session.
    package var items = 100

    package init() {}

    fileprivate var positive: Limits {
      var limits = self
      for limit in [\Limits.neighbours, \.candidates, \.sessions, \.items] {
        limits[keyPath: limit] = min(max(1, self[keyPath: limit]), Int(Int32.max))
      }
      return limits
    }
  }

  private struct Neighbour {
    let slot: Int32
    /// How far back the latest shared click is, from 1.
    let distance: Int
    let lastClick: Int
    var similarity = 0
  }

  /// How many clicks are compared, and the weight of the last.
  private static let reach = 10

  package let name = "session neighbours"
  private let limits: Limits
  private(set) var index: SessionIndex
  private var popularity = Popularity()
  /// Scratch, zero between calls: by slot and by item.
  private var similarities: [Int] = []
  private var votes: [Double] = []

  package init(_ limits: Limits = Limits()) {
    self.limits = limits.positive
    index = SessionIndex(limits.positive)
  }

  package mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
    popularity.learn(item)
    index.append(item, to: session, history: history)
  }

  package mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] {
    var items = mostVoted(count, by: neighbours(of: history))
    popularity.fill(&items, to: count)
    return items
  }

  /// The most similar sessions, best first; of equals, who clicked last.
  private mutating func neighbours(of history: ArraySlice<Int32>) -> [Neighbour] {
    similarities.grow(toHold: Int32(index.items.count), filler: 0)
    var found: [Neighbour] = []
    var asked: [Int32] = []
    for (back, item) in history.suffix(Self.reach).reversed().enumerated()
    where !asked.contains(item) {
      asked.append(item)
      for slot in index.holders(of: item) {
        if similarities[Int(slot)] == 0 {
          let lastClick = index.lastClicks[Int(slot)]
          found.append(Neighbour(slot: slot, distance: back + 1, lastClick: lastClick))
        }
        similarities[Int(slot)] += Self.reach - back
      }
    }
    for place in found.indices {
      let slot = Int(found[place].slot)
      (found[place].similarity, similarities[slot]) = (similarities[slot], 0)
    }
    found.keepFirst(limits.candidates) { $0.lastClick > $1.lastClick }
    return found.first(limits.neighbours) {
      ($1.similarity, $1.lastClick) < ($0.similarity, $0.lastClick)
    }
  }

  /// The items with most votes, best first; of equals by item.
  private mutating func mostVoted(_ count: Int, by neighbours: [Neighbour]) -> [Int32] {
    var found: [Int32] = []
    for neighbour in neighbours {
      let vote = Double(neighbour.similarity) / Double(neighbour.distance)
      for item in index.items[Int(neighbour.slot)] {
        votes.grow(toHold: item, filler: 0)
        if votes[Int(item)] == 0 { found.append(item) }
        votes[Int(item)] += vote
      }
    }
    let votes = votes
    defer { for item in found { self.votes[Int(item)] = 0 } }
    return found.first(count) { (votes[Int($1)], $0) < (votes[Int($0)], $1) }
  }
}
