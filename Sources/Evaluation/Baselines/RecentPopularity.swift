internal import Glibc

/// What is clicked most nowadays: a click counts 2^(−age / half-life), its age the clicks since.
package struct RecentPopularity: Baseline {
  package let name = "recent popularity"
  private let halfLife: Double
  private var board: Scoreboard
  /// How many half-lives ago a click counted 1.
  ///
  /// Instead of all clicks fading, each counts more than the one before: the order is the same.
  private var age = 0.0

  /// The half-life is in clicks, of anything by anyone; below 1 it is taken as 1.
  package init(halfLife: Double = 10_000) {
    self.halfLife = max(1, halfLife)
    let ranking = min(Double(Popularity.clicksPerRanking), (self.halfLife / 20).rounded(.up))
    board = Scoreboard(clicksPerRanking: Int(ranking))
  }

  package mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
    age += 1 / halfLife
    if age > 512 {
      board.scale(by: exp2(-age))
      age = 0
    }
    board.add(exp2(age), to: item)
  }

  package mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] {
    Array(board.best(count))
  }
}
