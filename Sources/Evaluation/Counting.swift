/// Something that suggests items from what it has seen: what a model has to beat.
package protocol Baseline {
  /// Learns from one click; `previous` is the item its user clicked before, if any.
  mutating func observe(item: String, after previous: String?)

  /// The best `count` items to follow `previous`, best first.
  mutating func suggest(after previous: String?, count: Int) -> [String]
}

/// The most clicked items, whoever asks.
package struct Popularity: Baseline {
  /// Sorting at every click would cost more than it tells.
  package static let clicksPerRanking = 500

  private var clicks: [String: Int] = [:]
  private var order: [String: Int] = [:]
  private var seen = 0
  private var ranked: [String] = []

  package init() {}

  /// Counts a click; the ranking follows after at most ``clicksPerRanking`` of them.
  package mutating func observe(item: String, after previous: String?) {
    clicks[item, default: 0] += 1
    if order[item] == nil { order[item] = order.count }
    seen += 1
    if seen.isMultiple(of: Self.clicksPerRanking) { ranked = [] }
  }

  package mutating func suggest(after previous: String?, count: Int) -> [String] {
    if ranked.isEmpty { ranked = ranking() }
    return Array(ranked.prefix(count))
  }

  /// By clicks; items of as many in the order in which they first came.
  private func ranking() -> [String] {
    clicks.map { (item: $0.key, clicks: $0.value, order: order[$0.key] ?? 0) }
      .sorted { ($1.clicks, $0.order) < ($0.clicks, $1.order) }
      .map(\.item)
  }
}

/// First-order Markov counts: what most often followed the last click, filled up with the popular.
package struct TransitionCounts: Baseline {
  private var transitions: [String: [String: Int]] = [:]
  private var popularity = Popularity()

  package init() {}

  package mutating func observe(item: String, after previous: String?) {
    popularity.observe(item: item, after: previous)
    if let previous { transitions[previous, default: [:]][item, default: 0] += 1 }
  }

  /// By count; items of as many by id.
  package mutating func suggest(after previous: String?, count: Int) -> [String] {
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
