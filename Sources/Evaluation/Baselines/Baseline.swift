/// Something that suggests items from the clicks it has seen: what a model has to beat.
///
/// Items are small numbers from 0 on, such as catalogue indices or those of a ``Numbering``: memory
/// is for the greatest, and grows when one comes that is new. A negative one is passed over.
package protocol Baseline: Sendable {
  /// What its row of a table is called.
  var name: String { get }

  /// Learns from one click.
  ///
  /// - Parameters:
  ///   - item: What was clicked.
  ///   - session: The user or session that clicked it.
  ///   - history: The clicks of the same session before it, oldest first.
  mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>)

  /// The best `count` items to follow `history`, best first, each once; fewer if fewer are known.
  ///
  /// - Parameters:
  ///   - history: Clicks of one session, oldest first; may be empty or of items never seen.
  ///   - count: How many items are wanted.
  /// - Returns: Only items that have been learned, or are of the history.
  mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32]
}

/// The baselines that belong beside a model, as a table has them.
package enum Baselines {
  /// Each of them afresh: none has seen a click.
  package static var all: [any Baseline] {
    [
      Popularity(), RecentPopularity(), RepeatLast(), TransitionCounts(), SessionNeighbours(),
    ]
  }
}
