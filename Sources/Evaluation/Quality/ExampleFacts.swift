/// What is known of each example, whoever answers it.
package struct ExampleFacts: Equatable, Sendable {
  /// Whose example it is, a user or a session: what is resampled.
  package var units: [Int32] = []
  /// The catalogue index of what was clicked next, or -1.
  package var targets: [Int32] = []
  /// The training clicks of each catalogue item (items).
  package var clicks: [Int]

  private var histories: [ArraySlice<Int32>] = []

  /// No examples yet.
  ///
  /// - Parameter clicks: The training clicks of each catalogue item.
  package init(clicks: [Int]) { self.clicks = clicks }

  package var count: Int { units.count }

  /// Adds the next example.
  ///
  /// - Parameters:
  ///   - unit: Whose it is.
  ///   - history: All clicks before, also those that no model looks at: catalogue indices, oldest
  ///     first; -1 for an item that is not in the catalogue.
  ///   - target: The catalogue index of what was clicked next; `nil` if it is not there.
  package mutating func append(
    unit: Int32,
    history: ArraySlice<Int32>,
    target: Int32?
  ) {
    units.append(unit)
    histories.append(history)
    targets.append(target ?? -1)
  }

  /// The items before an example, oldest first.
  package func history(_ example: Int) -> ArraySlice<Int32> {
    histories.indices.contains(example) ? histories[example] : []
  }

  /// The training clicks of an item; `nil` for -1 and whatever else is not in the catalogue.
  package func clicks(of item: Int32) -> Int? {
    clicks.indices.contains(Int(item)) ? clicks[Int(item)] : nil
  }
}
