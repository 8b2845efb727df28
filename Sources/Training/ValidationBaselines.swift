package import Evaluation
package import Network

extension Examples {
  /// How a baseline answers examples, learned from `log` and then left as it is.
  ///
  /// Items that the catalogue lacks are learned and suggested too: they have the indices behind it,
  /// in the order of the log, and are never a hit. Where a baseline knows fewer items than wanted,
  /// the catalogue's order fills up.
  ///
  /// - Parameters:
  ///   - baseline: One that has seen nothing yet.
  ///   - log: The clicks to learn from.
  ///   - part: The part of them, where the log has parts.
  ///   - items: The catalogue that the examples' indices are of.
  ///   - indices: Which examples are asked.
  ///   - depth: How many items are wanted.
  ///   - excludesSeen: Whether all that the user has clicked is left out.
  /// - Returns: Lists of catalogue indices; a target below them has no rank.
  package func answers(
    of baseline: some Baseline,
    learnedFrom log: ClickLog,
    part: String = "train",
    items: ItemTable,
    at indices: [Int],
    depth: Int,
    excludesSeen: Bool = false
  ) -> Answers {
    // Baselines break ties by number, and ties are broken by id.
    var numbering = Numbering(sorting: items.ids + log.names)
    let numbers = items.ids.map { numbering.number(of: $0) }
    let logNumbers = log.names.map { numbering.number(of: $0) }
    var places = [Int32](repeating: -1, count: numbering.ids.count)
    for (index, number) in numbers.enumerated() { places[Int(number)] = Int32(index) }
    var next = Int32(items.ids.count)
    for number in logNumbers where places[Int(number)] < 0 {
      places[Int(number)] = next
      next += 1
    }

    var baseline = baseline
    log.teach(&baseline, numbers: logNumbers, part: part)
    var answers = Answers(name: baseline.name, depth: depth)
    for example in indices {
      let seen = excludesSeen ? Set(wholeHistory(example)) : []
      let count = depth + seen.count
      let history = history(example).map { numbers[Int($0)] }
      var suggested = baseline.suggest(after: history[...], count: count)
      if suggested.count < count {
        let missing = numbers.prefix(count).filter { !suggested.contains($0) }
        suggested.append(contentsOf: missing.prefix(count - suggested.count))
      }
      let list = suggested.map { places[Int($0)] }.filter { !seen.contains($0) }
      answers.append(list: list.prefix(depth), target: target(example))
    }
    return answers
  }
}

extension ClickLog {
  /// Has a baseline learn the clicks of a part, or all where there are no parts.
  ///
  /// - Parameters:
  ///   - baseline: What learns them.
  ///   - numbers: What each of ``names`` is to it.
  ///   - part: The part's name.
  func teach(_ baseline: inout some Baseline, numbers: [Int32], part: String) {
    let wanted = self.part(part)
    let clicks = items.map { numbers[Int($0)] }
    var session: Int32 = -1
    var row = 0..<0
    for sequence in sequences {
      if !isRows || !continues(row, sequence) { session += 1 }
      row = sequence
      // A row's clicks but the last are those of the rows before it.
      for position in isRows ? sequence.suffix(1) : sequence[...]
      where wanted == nil || parts[position] == wanted {
        let history = clicks[sequence.lowerBound..<position]
        baseline.learn(clicks[position], session: session, history: history)
      }
    }
  }

  /// Whether a row is the next of the same session: its history is how the row before ended.
  private func continues(_ before: Range<Int>, _ row: Range<Int>) -> Bool {
    row.count > 1 && row.count >= before.count
      && items[row.dropLast()].elementsEqual(items[before.suffix(row.count - 1)])
  }
}
