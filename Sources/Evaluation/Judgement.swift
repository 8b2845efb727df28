/// Judges suggestions that were made for a stream, against what its users clicked next.
///
/// The suggestion for a click is right when the same user's next click is among its items; a user's
/// last click cannot be judged. The baselines are judged on the very same clicks.
package struct Judgement: Sendable {
  package struct Row: Equatable, Sendable {
    package let name: String
    package fileprivate(set) var metrics: RankingMetrics
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
    rows = ["suggestions", "popularity", "transition counts", "updated counts"]
      .map { Row(name: $0, metrics: RankingMetrics(cutoff: cutoff)) }

    var popularity = Popularity()
    var transitions = TransitionCounts()
    var last: [String: String] = [:]
    for click in training {
      popularity.observe(item: click.item, after: last[click.user])
      transitions.observe(item: click.item, after: last[click.user])
      last[click.user] = click.item
    }
    var updated = transitions

    var waiting: [String: Int] = [:]
    for (index, click) in stream.enumerated() {
      if let before = waiting[click.user] {
        let previous = stream[before].item
        let ours = suggested(before)
        if ours == nil { missing += 1 }
        let lists = [
          ours ?? [], popularity.suggest(after: previous, count: cutoff),
          transitions.suggest(after: previous, count: cutoff),
          updated.suggest(after: previous, count: cutoff),
        ]
        for (row, list) in lists.enumerated() {
          rows[row].metrics.add(rank: list.firstIndex(of: click.item))
        }
      }
      waiting[click.user] = index
      updated.observe(item: click.item, after: last[click.user])
      last[click.user] = click.item
    }
  }
}
