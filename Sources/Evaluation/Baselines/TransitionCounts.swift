/// First-order Markov counts: what most often followed the last click, then what is popular.
package struct TransitionCounts: Baseline {
  private struct Follower {
    let item: Int32
    var count: Int
  }

  package let name = "transition counts"
  /// By item: what followed it, by count, of as many by item.
  private var followers: [[Follower]] = []
  private var popularity = Popularity()

  package init() {}

  package mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
    popularity.learn(item)
    guard item >= 0, let previous = history.last, previous >= 0 else { return }
    followers.grow(toHold: previous, filler: [])
    Self.count(item, in: &followers[Int(previous)])
  }

  package mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] {
    var items: [Int32] = []
    if let previous = history.last, followers.indices.contains(Int(previous)) {
      items = followers[Int(previous)].prefix(max(0, count)).map(\.item)
    }
    popularity.fill(&items, to: count)
    return items
  }

  /// Counts one more, and keeps the order: only what was counted moves, and only forwards.
  private static func count(_ item: Int32, in followers: inout [Follower]) {
    var place = followers.firstIndex { $0.item == item } ?? followers.count
    if place == followers.count { followers.append(Follower(item: item, count: 0)) }
    var follower = followers[place]
    follower.count += 1
    while place > 0,
      (followers[place - 1].count, -followers[place - 1].item) < (follower.count, -item)
    {
      followers[place] = followers[place - 1]
      place -= 1
    }
    followers[place] = follower
  }
}
