/// The session's own clicks, latest first, each once; then what is popular.
package struct RepeatLast: Baseline {
  package let name = "repeat last"
  private var popularity = Popularity()

  package init() {}

  package mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
    popularity.learn(item)
  }

  package mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] {
    var items: [Int32] = []
    for item in history.reversed() where item >= 0 && !items.contains(item) {
      guard items.count < count else { break }
      items.append(item)
    }
    popularity.fill(&items, to: count)
    return items
  }
}
