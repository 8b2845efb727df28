internal import Kernels

/// Scores of items, ranked anew now and then: to rank at every click would cost more than it tells.
struct Scoreboard: Sendable {
  private let clicksPerRanking: Int
  /// The items by first appearance; a place is an index into this and ``scores``.
  private var items: [Int32] = []
  private var scores: [Double] = []
  /// By item, or −1.
  private var places: [Int32] = []
  private var clicks = 0
  private var ranked: [Int32] = []
  /// How many places were asked for when `ranked` was made; nil when it is to be made anew.
  private var depth: Int?

  init(clicksPerRanking: Int) { self.clicksPerRanking = clicksPerRanking }

  /// Adds a click's worth to an item; the ranking follows after at most `clicksPerRanking` of them.
  mutating func add(_ worth: Double, to item: Int32) {
    guard item >= 0 else { return }
    places.grow(toHold: item, filler: -1)
    if places[Int(item)] < 0 {
      places[Int(item)] = Int32(items.count)
      items.append(item)
      scores.append(0)
    }
    scores[Int(places[Int(item)])] += worth
    clicks += 1
    if clicks.isMultiple(of: clicksPerRanking) { depth = nil }
  }

  /// Multiplies all scores, which leaves their order.
  mutating func scale(by factor: Double) {
    for place in scores.indices { scores[place] *= factor }
  }

  /// The best `count` by score; of equals, which appeared first.
  mutating func best(_ count: Int) -> ArraySlice<Int32> {
    if depth.map({ $0 < count }) ?? true {
      let scores = scores
      ranked = Array(items.indices).first(max(0, count)) {
        (scores[$1], $0) < (scores[$0], $1)
      }
      .map { items[$0] }
      // Nothing has been clicked yet: the next click is ranked at once.
      depth = items.isEmpty ? nil : count
    }
    return ranked.prefix(max(0, count))
  }

  /// Appends the best items that `list` lacks, until it has `count`.
  mutating func fill(_ list: inout [Int32], to count: Int) {
    guard list.count < count else { return }
    let taken = Set(list)
    for item in best(count) where list.count < count && !taken.contains(item) {
      list.append(item)
    }
  }
}

extension Array {
  /// Makes room for `index`; memory is for the greatest number ever seen.
  mutating func grow(toHold index: Int32, filler: Element) {
    guard Int(index) >= count else { return }
    append(contentsOf: repeatElement(filler, count: Int(index) + 1 - count))
  }
}
