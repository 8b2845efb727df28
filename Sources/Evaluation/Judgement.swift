/// Judges suggestions that were made for a stream, against what its users clicked next.
///
/// The suggestion for a click is right when the same user's next click is among its items; a user's
/// last click cannot be judged. The baselines are judged on the very same clicks.
package struct Judgement: Sendable {
  package struct Row: Equatable, Sendable {
    package let name: String
    package let cutoff: Int
    /// Where each judged click stood, from 0; `Int32.max` where it was not suggested.
    package fileprivate(set) var ranks: [Int32] = []

    package var hitRate: Double { RankMetric(.hitRate, cutoff: cutoff).mean(of: ranks) }
    package var ndcg: Double { RankMetric(.ndcg, cutoff: cutoff).mean(of: ranks) }

    fileprivate mutating func add<Item: Equatable>(_ list: [Item]?, clicked: Item) {
      ranks.append(list?.firstIndex(of: clicked).flatMap(Int32.init(exactly:)) ?? .max)
    }
  }

  /// Ours first, then popularity and transition counts as `training` left them, then transition
  /// counts that go on learning from each click of the stream once it is judged.
  package private(set) var rows: [Row]
  /// Clicks of the stream that had no suggestion though a next click followed.
  package private(set) var missing = 0

  /// - Parameters:
  ///   - training: Clicks the model was trained on, in order.
  ///   - stream: Clicks the suggestions were made for, in order.
  ///   - cutoff: How many items of each suggestion count.
  ///   - suggested: The items suggested for the click at an index of `stream`, best first.
  package init(
    training: [FileClick],
    stream: [FileClick],
    cutoff: Int,
    suggested: (Int) -> [String]?
  ) {
    // What a row is of, and whether it learns from the stream.
    var baselines: [(baseline: any Baseline, isUpdated: Bool)] = [
      (Popularity(), false), (TransitionCounts(), false), (TransitionCounts(), true),
    ]
    rows = ["suggestions", "popularity", "transition counts", "updated counts"]
      .map { Row(name: $0, cutoff: cutoff) }

    let clicks = training + stream
    // Baselines break ties by number, and ties are broken by id.
    var items = Numbering(sorting: clicks.map(\.item))
    var users = Numbering()
    /// By user: the clicks so far.
    var histories: [[Int32]] = []
    /// By user: the last click of the stream, as an index into it.
    var waiting: [Int32: Int] = [:]
    for (place, click) in clicks.enumerated() {
      let (user, item) = (users.number(of: click.user), items.number(of: click.item))
      if user == histories.count { histories.append([]) }
      let index = place - training.count
      if let before = waiting[user] {
        let ours = suggested(before)
        if ours == nil { missing += 1 }
        rows[0].add(ours, clicked: click.item)
        for row in baselines.indices {
          let list = baselines[row].baseline
            .suggest(after: histories[Int(user)][...], count: cutoff)
          rows[row + 1].add(list, clicked: item)
        }
      }
      if index >= 0 { waiting[user] = index }
      for row in baselines.indices where index < 0 || baselines[row].isUpdated {
        baselines[row].baseline
          .learn(item, session: user, history: histories[Int(user)][...])
      }
      histories[Int(user)].append(item)
    }
  }
}
