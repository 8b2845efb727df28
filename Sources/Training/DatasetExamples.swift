package import Evaluation
import Files

/// What a model learns from or is judged by: histories and the click that followed each.
///
/// Histories share one array of clicks, so an example costs 28 bytes whatever its history's length.
package struct Examples: Equatable, Sendable {
  private var items: [Int32] = []
  private var histories: [Range<Int>] = []
  /// Where what came before each target begins, the clicks that are too old for a history too.
  private var beginnings: [Int] = []
  private var targets: [Int32] = []
  /// Which sequence of the log each example is of.
  private var sequences: [Int32] = []

  package init() {}

  package var count: Int { targets.count }

  /// Catalogue indices of the last L clicks before the target, oldest first; may be empty.
  package func history(_ example: Int) -> ArraySlice<Int32> { items[histories[example]] }

  /// The same of all clicks before the target, however many.
  package func wholeHistory(_ example: Int) -> ArraySlice<Int32> {
    items[beginnings[example]..<histories[example].upperBound]
  }

  /// All clicks that histories are made of, in the order of the log.
  var allItems: [Int32] { items }

  /// Where a history lies in ``allItems``; its target, if known, is the click behind it.
  func historyRange(_ example: Int) -> Range<Int> { histories[example] }

  /// The example's place among the log's sequences: what is one user's or session's.
  package func sequence(_ example: Int) -> Int32 { sequences[example] }

  /// The catalogue index of the click to predict, or nil when the catalogue lacks it.
  package func target(_ example: Int) -> Int32? {
    targets[example] < 0 ? nil : targets[example]
  }

  /// A hash of all histories and targets, in their order.
  package var fingerprint: String {
    var bytes: [UInt8] = []
    func append(_ value: Int32) {
      for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
    }
    for example in 0..<count {
      append(Int32(histories[example].count))
      for item in history(example) { append(item) }
      append(targets[example])
    }
    return SHA256.hex(bytes)
  }

  /// How many targets the catalogue lacks.
  package var unknownTargets: Int { targets.count { $0 < 0 } }

  /// Refuses examples of which the catalogue knows no target: they would judge nothing.
  package func requireKnownTargets() throws(TrainingFailure) {
    if unknownTargets == count {
      throw TrainingFailure("the model knows none of \(count) next items: it is of other clicks")
    }
  }

  /// What all recommenders are told of some examples.
  package func facts(at indices: [Int], clicks: [Int]) -> ExampleFacts {
    var facts = ExampleFacts(clicks: clicks)
    for example in indices {
      let history = wholeHistory(example)
      facts.append(unit: sequence(example), history: history, target: target(example))
    }
    return facts
  }

  /// Every `count`-th part of the examples, evenly spread; all of them where there are no more.
  package func sample(_ count: Int) -> [Int] {
    if count >= self.count { return Array(0..<self.count) }
    return (0..<count).map { $0 * self.count / count }
  }

  /// Makes the examples whose targets lie at `positions` of the log, in that order.
  ///
  /// A history is the last `length` clicks before the target that the catalogue knows; `catalogue`
  /// gives an item's index by its index in the log, or −1.
  init(_ log: ClickLog, positions: [Int], catalogue: [Int32], length: Int) {
    // known[p]: how many clicks before position p are known.
    var known = [0]
    known.reserveCapacity(log.items.count + 1)
    for item in log.items {
      let index = catalogue[Int(item)]
      if index >= 0 { items.append(index) }
      known.append(items.count)
    }
    let starts = log.starts()
    let owners = log.sequences.enumerated().flatMap { repeatElement(Int32($0), count: $1.count) }
    histories.reserveCapacity(positions.count)
    beginnings.reserveCapacity(positions.count)
    targets.reserveCapacity(positions.count)
    for position in positions {
      let (beginning, end) = (known[starts[position]], known[position])
      histories.append(max(beginning, end - length)..<end)
      beginnings.append(beginning)
      targets.append(catalogue[Int(log.items[position])])
      sequences.append(owners[position])
    }
  }
}

extension ClickLog {
  /// For every click, where its sequence starts.
  func starts() -> [Int] {
    var starts: [Int] = []
    starts.reserveCapacity(items.count)
    for sequence in sequences {
      starts.append(contentsOf: repeatElement(sequence.lowerBound, count: sequence.count))
    }
    return starts
  }

  /// The positions of all targets: each click but the first of a sequence, or a row's last.
  func targets(emptyHistories: Bool) -> [Int] {
    var positions: [Int] = []
    for sequence in sequences where !sequence.isEmpty {
      if isRows {
        positions.append(sequence.upperBound - 1)
      } else {
        positions.append(contentsOf: sequence.dropFirst(emptyHistories ? 0 : 1))
      }
    }
    return positions
  }

  func part(_ name: String) -> UInt8? { partNames.firstIndex(of: name).map { UInt8($0) } }
}
