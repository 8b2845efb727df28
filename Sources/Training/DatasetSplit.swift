extension ClickLog {
  /// The names of the parts that splitting makes.
  package static let splitParts = ["train", "val", "test"]

  /// The shares of the clicks, by time, that are `val` and `test`.
  package static let timeShares = (validation: 0.1, test: 0.1)

  /// The log with its latest clicks as `test`, those before as `val`, the others as `train`.
  ///
  /// One moment parts all sequences, so that nothing is learned from what comes later. A log
  /// without times is taken to be in order.
  package func parted(byTime shares: (validation: Double, test: Double)) -> ClickLog {
    let order =
      timesMs.isEmpty
      ? Array(items.indices) : items.indices.sorted { (timesMs[$0], $0) < (timesMs[$1], $1) }
    var parts = [String](repeating: "train", count: items.count)
    let test = Int((Double(items.count) * (1 - shares.test)).rounded())
    let validation = Int((Double(items.count) * (1 - shares.test - shares.validation)).rounded())
    for (place, position) in order.enumerated() where place >= validation {
      parts[position] = place >= test ? "test" : "val"
    }
    var copy = ClickLog(isRows: isRows)
    for sequence in sequences {
      // Times and parts are given for all, and the parts are three: nothing to refuse.
      try? copy.append(
        sequence.map { names[Int(items[$0])] },
        timesMs: timesMs.isEmpty ? [] : Array(timesMs[sequence]),
        parts: Array(parts[sequence])
      )
    }
    return copy
  }

  /// The log with the last share of its training targets, by time, as `val`, where nothing else in
  /// it validates: what training with these options holds out, nobody else should learn.
  package func holdingOut(_ options: Dataset.Options) throws(TrainingFailure) -> ClickLog {
    if try Dataset.validationPart(self, options: options) != nil { return self }
    let part = part(options.part)
    let training = targets(emptyHistories: options.emptyHistories)
      .filter { parts.isEmpty || parts[$0] == part }
    var copy = self
    try copy.label(Dataset.split(training, of: self, share: options.heldOut).later, as: "val")
    return copy
  }

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
