/// What is known of each example, whoever answers it.
package struct ExampleFacts: Equatable, Sendable {
  /// Whose example it is, a user or a session: what is resampled.
  package var units: [Int32] = []
  /// How many clicks came before, including those that are no longer looked at.
  package var historyLengths: [Int32] = []
  /// The catalogue index of what was clicked next, or -1.
  package var targets: [Int32] = []
  /// The catalogue index of the latest click of the history, or -1.
  package var lastClicks: [Int32] = []
  /// The training clicks of each catalogue item (items).
  package var clicks: [Int]

  private var historyItems: [Int32] = []
  private var historyEnds: [Int] = []

  /// No examples yet.
  ///
  /// - Parameter clicks: The training clicks of each catalogue item.
  package init(clicks: [Int]) { self.clicks = clicks }

  package var count: Int { units.count }

  /// Adds the next example.
  ///
  /// - Parameters:
  ///   - unit: Whose it is.
  ///   - history: Catalogue indices, oldest first; -1 for an item that is not in the catalogue.
  ///   - historyLength: How many clicks there were if `history` holds only the latest of them.
  ///   - target: The catalogue index of what was clicked next; `nil` if it is not there.
  package mutating func append(
    unit: Int32,
    history: some Collection<Int32>,
    historyLength: Int? = nil,
    target: Int32?
  ) {
    units.append(unit)
    historyItems.append(contentsOf: history)
    historyEnds.append(historyItems.count)
    historyLengths.append(Int32(clamping: historyLength ?? history.count))
    lastClicks.append(history.isEmpty ? -1 : historyItems[historyItems.count - 1])
    targets.append(target ?? -1)
  }

  /// The items before an example, oldest first.
  package func history(_ example: Int) -> ArraySlice<Int32> {
    guard historyEnds.indices.contains(example) else { return [] }
    return historyItems[(example == 0 ? 0 : historyEnds[example - 1])..<historyEnds[example]]
  }

  /// The training clicks of an item; `nil` for -1 and whatever else is not in the catalogue.
  package func clicks(of item: Int32) -> Int? {
    clicks.indices.contains(Int(item)) ? clicks[Int(item)] : nil
  }
}
