/// How one recommender answered all examples, in their order.
package struct Answers: Equatable, Sendable {
  package let name: String
  /// The items of each list; shorter lists are padded with -1.
  package let depth: Int
  /// Each example's target's place in the full ranking, from 0; `Int32.max` if it has none.
  package var ranks: [Int32] = []
  /// Catalogue indices, best first (examples, depth).
  package var lists: [Int32] = []

  package init(name: String, depth: Int) {
    self.name = name
    self.depth = max(0, depth)
  }

  /// Adds the answer to the next example, whose target stood at `rank` of the full ranking.
  package mutating func append(list: some Collection<Int32>, rank: Int32) {
    ranks.append(rank)
    lists.append(contentsOf: list.prefix(depth))
    lists.append(contentsOf: repeatElement(-1, count: max(0, depth - list.count)))
  }

  /// Adds the answer to the next example when only the list is known: a target that is not on it
  /// has no rank, so metrics that cut beyond the list are as if they were cut there.
  package mutating func append(list: some Collection<Int32>, target: Int32?) {
    let rank = target.flatMap { target in
      target < 0 ? nil : list.enumerated().first { $0.element == target }?.offset
    }
    append(list: list, rank: rank.flatMap(Int32.init(exactly:)) ?? .max)
  }

  /// The first `count` items for an example, without the padding.
  package func list(_ example: Int, count: Int) -> ArraySlice<Int32> {
    let start = min(example * depth, lists.count)
    return lists[start..<min(start + min(max(0, count), depth), lists.count)].prefix { $0 >= 0 }
  }
}
