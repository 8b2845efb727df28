/// Judges suggestions that were made for a stream, against what its users clicked next.
///
/// The suggestion for a click is right when the same user's next click is among its items; a user's
/// last click cannot be judged. The baselines are judged on the very same clicks.
package struct Judgement: Sendable {
  package struct Row: Equatable, Sendable {
    package let name: String
    package let metrics: RankingMetrics
  }

  /// What learned from `training` and then stayed as it was, judged on the same clicks as we are.
  package let rows: [Row]
  /// Clicks of the stream that had no suggestion though a next click followed.
  package let missing: Int

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
    var popularity = Popularity()
    var transitions = TransitionCounts()
    var last: [String: String] = [:]
    for click in training {
      popularity.observe(item: click.item, after: last[click.user])
      transitions.observe(item: click.item, after: last[click.user])
      last[click.user] = click.item
    }
    popularity.freeze()
    transitions.freeze()

    var ours = RankingMetrics(cutoff: cutoff)
    var popular = ours
    var markov = ours
    var missing = 0
    var waiting: [String: Int] = [:]
    for (index, click) in stream.enumerated() {
      if let before = waiting[click.user] {
        let previous = stream[before].item
        let items = suggested(before)
        if items == nil { missing += 1 }
        ours.add(rank: items?.firstIndex(of: click.item))
        popular.add(
          rank: popularity.suggest(after: previous, count: cutoff).firstIndex(of: click.item)
        )
        markov.add(
          rank: transitions.suggest(after: previous, count: cutoff).firstIndex(of: click.item)
        )
      }
      waiting[click.user] = index
    }
    self.missing = missing
    rows = [
      Row(name: "suggestions", metrics: ours), Row(name: popularity.name, metrics: popular),
      Row(name: transitions.name, metrics: markov),
    ]
  }
}
