package import Evaluation

/// Clicks as they were read: sequences of items, oldest first, in flat arrays.
package struct ClickLog: Sendable {
  /// Item ids, by first appearance.
  package private(set) var names: [String] = []
  /// The clicked items of all sequences, one after the other, as indices into ``names``.
  package private(set) var items: [Int32] = []
  /// When each click happened, in milliseconds; empty when the file does not say.
  package private(set) var timesMs: [Int64] = []
  /// Which of ``partNames`` each click belongs to; empty when the file has no parts.
  package private(set) var parts: [UInt8] = []
  package private(set) var partNames: [String] = []
  /// Where sequence s ends in ``items``.
  package private(set) var ends: [Int] = []
  /// Each sequence is one example, its last item the target: DreamRec's published rows.
  package let isRows: Bool

  private var indices: [String: Int32] = [:]

  package init(isRows: Bool = false) { self.isRows = isRows }

  /// Appends a sequence; `timesMs` and `parts` are given for every click of the log or for none.
  ///
  /// A file may name up to 256 parts.
  package mutating func append<IDs: Collection<String>>(
    _ ids: IDs,
    timesMs: [Int64] = [],
    parts: [String] = [],
  ) throws(TrainingFailure) {
    guard
      timesMs.count == (items.isEmpty && !timesMs.isEmpty || !self.timesMs.isEmpty ? ids.count : 0)
    else { throw TrainingFailure("every click has a time, or none has") }
    guard parts.count == (items.isEmpty && !parts.isEmpty || !self.parts.isEmpty ? ids.count : 0)
    else { throw TrainingFailure("every click has a part, or none has") }
    for id in ids { items.append(index(of: id)) }
    self.timesMs.append(contentsOf: timesMs)
    for part in parts { self.parts.append(try partIndex(of: part)) }
    ends.append(items.count)
  }

  /// Puts clicks into a part; where there are no parts, the others are `train`.
  mutating func label(_ positions: [Int], as name: String) throws(TrainingFailure) {
    if parts.isEmpty {
      parts = [UInt8](repeating: try partIndex(of: "train"), count: items.count)
    }
    let part = try partIndex(of: name)
    for position in positions { parts[position] = part }
  }

  /// The sequences, as ranges of ``items``.
  package var sequences: some Sequence<Range<Int>> {
    zip([0] + ends, ends).lazy.map { $0..<$1 }
  }

  private mutating func index(of id: String) -> Int32 {
    if let known = indices[id] { return known }
    let index = Int32(names.count)
    indices[id] = index
    names.append(id)
    return index
  }

  private mutating func partIndex(of name: String) throws(TrainingFailure) -> UInt8 {
    if let known = partNames.firstIndex(of: name) { return UInt8(known) }
    guard partNames.count < 256 else {
      throw TrainingFailure("the column of parts has more than 256 values: is it the right column?")
    }
    partNames.append(name)
    return UInt8(partNames.count - 1)
  }
}

extension ClickLog {
  /// The clicks of a file of any form that ``ClickFile`` reads.
  ///
  /// A file whose lines are ready examples stays that: one example a line.
  package init(_ content: ClickFile.Content) throws(TrainingFailure) {
    self.init(isRows: !content.examples.isEmpty)
    for example in content.examples { try append(example.history + [example.next]) }
    for history in content.histories {
      try append(history.items, timesMs: history.timestampsMs, parts: history.parts)
    }
  }
}
