/// The most clicked items, whoever asks; of as many clicks, which was clicked first.
package struct Popularity: Baseline {
  /// The ranking is as it was at most so many clicks ago.
  package static let clicksPerRanking = 500

  package let name = "popularity"
  private var board = Scoreboard(clicksPerRanking: clicksPerRanking)

  package init() {}

  package mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
    board.add(1, to: item)
  }

  package mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] {
    Array(board.best(count))
  }

  mutating func learn(_ item: Int32) { board.add(1, to: item) }

  mutating func fill(_ list: inout [Int32], to count: Int) { board.fill(&list, to: count) }
}
