/// Something that suggests items from what it has seen: what a model has to beat.
package protocol Baseline {
  var name: String { get }

  /// Learns from one click; `previous` is the item its user clicked before, if any.
  mutating func observe(item: String, after previous: String?)

  /// The best `count` items to follow `previous`, best first.
  func suggest(after previous: String?, count: Int) -> [String]
}

/// The most clicked items, whoever asks.
package struct Popularity: Baseline {
  package let name = "popularity"
  private var clicks: [String: Int] = [:]
  private var order: [String: Int] = [:]
  private var ranked: [String]?

  package init() {}

  package mutating func observe(item: String, after previous: String?) {
    clicks[item, default: 0] += 1
    if order[item] == nil { order[item] = order.count }
    ranked = nil
  }

  /// Sorts once, for many suggestions without learning in between.
  package mutating func freeze() { ranked = ranking() }

  package func suggest(after previous: String?, count: Int) -> [String] {
    Array((ranked ?? ranking()).prefix(count))
  }

  /// By clicks; items of as many in the order in which they first came.
  private func ranking() -> [String] {
    clicks.keys.sorted {
      (-(clicks[$0] ?? 0), order[$0] ?? 0) < (-(clicks[$1] ?? 0), order[$1] ?? 0)
    }
  }
}

/// First-order Markov counts: what most often followed the last click, filled up with the popular.
package struct TransitionCounts: Baseline {
  package let name = "transition counts"
  private var transitions: [String: [String: Int]] = [:]
  private var popularity = Popularity()

  package init() {}

  package mutating func observe(item: String, after previous: String?) {
    popularity.observe(item: item, after: previous)
    if let previous { transitions[previous, default: [:]][item, default: 0] += 1 }
  }

  package mutating func freeze() { popularity.freeze() }

  package func suggest(after previous: String?, count: Int) -> [String] {
    let followers = previous.flatMap { transitions[$0] } ?? [:]
    var items = followers.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .prefix(count).map(\.key)
    if items.count == count { return items }
    let taken = Set(items)
    for item in popularity.suggest(after: nil, count: count + items.count)
    where !taken.contains(item) && items.count < count { items.append(item) }
    return items
  }
}
