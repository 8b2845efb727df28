extension ClickLog {
  /// The names of the parts that splitting makes.
  package static let splitParts = ["train", "val", "test"]

  /// The log with each sequence's last click as `test`, the one before as `val`, others as `train`.
  ///
  /// A sequence of fewer than three clicks is for training only.
  package var leavingOneOut: ClickLog {
    var copy = ClickLog(isRows: isRows)
    for sequence in sequences {
      let ids = sequence.map { names[Int(items[$0])] }
      let times = timesMs.isEmpty ? [] : Array(timesMs[sequence])
      let held = ids.count < 3 ? 0 : 2
      let parts =
        [String](repeating: "train", count: ids.count - held) + ["val", "test"].prefix(held)
      // The parts are three, and times and parts are given for all: nothing to refuse.
      try? copy.append(ids, timesMs: times, parts: parts)
    }
    return copy
  }

  /// The log without the clicks of items that have fewer than `clicks`.
  package func withoutRare(below clicks: Int) -> ClickLog {
    if clicks <= 1 { return self }
    var counts = [Int](repeating: 0, count: names.count)
    for item in items { counts[Int(item)] += 1 }
    var copy = ClickLog(isRows: isRows)
    for sequence in sequences {
      let kept = sequence.filter { counts[Int(items[$0])] >= clicks }
      try? copy.append(
        kept.map { names[Int(items[$0])] },
        timesMs: timesMs.isEmpty ? [] : kept.map { timesMs[$0] },
        parts: parts.isEmpty ? [] : kept.map { partNames[Int(parts[$0])] }
      )
    }
    return copy
  }
}
