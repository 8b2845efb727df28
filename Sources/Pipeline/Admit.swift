internal import Events
internal import Sessions

extension Pipeline {
  /// Takes in the partitions that have come to us: claims them in the session store, and goes back
  /// as far as sessions have to be folded again.
  ///
  /// A store that lost writes, in a failover or a restart, has folded less than the group has
  /// committed. What lies between is read again, for the sessions alone. Where the topic keeps less
  /// than the group has yet to read, nobody can: that is told.
  mutating func admit(_ turn: inout Turn) throws(PipelineFailure) {
    while !source.arrived.isEmpty, !options.shouldStop() {
      let startedMs = monotonicMs()
      do throws(PipelineFailure) {
        try admitArrived(&turn)
        patience.succeeded()
      } catch {
        try wait(for: error, startedMs: startedMs, &turn, \.patience)
      }
    }
  }

  private mutating func admitArrived(_ turn: inout Turn) throws(PipelineFailure) {
    let partitions = source.arrived
    // What was known of them is of an earlier claim, and perhaps of sessions that are lost.
    for partition in partitions { (rebuilding[partition], unmarked[partition]) = (nil, nil) }
    let extents = try source.extents(of: partitions)
    let afresh = partitions.filter { extents[$0]?.committed == nil }
    let marks: [Partition: Int64]
    do throws(SessionFailure) {
      marks = try store.claim(partitions, for: source.membership, afresh: afresh)
      turn.storeAnswered = true
    } catch {
      throw PipelineFailure(error)
    }
    try confirm(afresh)
    try checkEnds(marks, extents)
    try lower(marks, to: extents)
    var starts: [Partition: Int64?] = [:]
    var (rebuilds, gaps) = ([Turn.Rebuild](), [Turn.Gap]())
    for partition in partitions {
      let start: Int64?
      if let extent = extents[partition], let committed = extent.committed {
        let folded = marks[partition] ?? extent.relevant
        start = max(min(folded, committed), extent.first)
        if committed < extent.first {
          gaps.append(Turn.Gap(partition: partition, from: committed, until: extent.first))
        }
        if folded < committed {
          rebuilding[partition] = committed
          rebuilds.append(
            Turn.Rebuild(
              partition: partition,
              from: folded,
              kept: extent.first,
              until: committed,
              isKnown: marks[partition] != nil,
            )
          )
        }
      } else {
        start = nil
      }
      starts.updateValue(start, forKey: partition)
    }
    try source.admit(starts)
    // Only now: what fails on the way here is done again.
    turn.rebuilds += rebuilds
    turn.gaps += gaps
  }

  /// Sees that these partitions are as fresh as their claim took them to be.
  ///
  /// It went before claims of any generation; but who was frozen before it may know nothing of what
  /// the group has done since. Others write nothing more from here on.
  private mutating func confirm(_ afresh: Set<Partition>) throws(PipelineFailure) {
    if afresh.isEmpty { return }
    let extents = try source.extents(of: afresh)
    if afresh.allSatisfy({ extents[$0]?.committed == nil }) { return }
    throw PipelineFailure(
      remedy: .retry,
      dependency: .kafka,
      reason: "the group committed something while its partitions were claimed"
    )
  }

  /// Sees that these marks are of the topic that is there: one made anew counts its offsets anew,
  /// and sessions would take its records for those they have seen.
  private mutating func checkEnds(
    _ marks: [Partition: Int64],
    _ extents: [Partition: Extent]
  ) throws(PipelineFailure) {
    // What the group has committed was there; and while a transaction is open, some brokers tell of
    // an end that lies before it.
    func beyond(_ extents: [Partition: Extent]) -> [Partition] {
      marks.filter { partition, mark in
        guard let extent = extents[partition], let end = extent.end else { return false }
        return max(end, extent.committed ?? 0) < mark
      }
      .map(\.key)
    }
    // Before the claim somebody else may have gone further than we knew of.
    let suspects = beyond(extents)
    if suspects.isEmpty { return }
    let now = try source.extents(of: Set(suspects))
    guard let partition = beyond(now).min(by: { $0.description < $1.description }) else { return }
    throw PipelineFailure(
      remedy: .stop,
      dependency: .sessions,
      reason:
        "\(partition) ends at \(now[partition]?.end ?? 0), and sessions have folded it as far as "
        + "\(marks[partition] ?? 0): the topic was made anew, or lost records; choose another "
        + "redis.prefix, for these sessions would ignore its clicks"
    )
  }

  /// Takes marks back to where the group is, if a commit that was lost leaves them ahead of it.
  ///
  /// An erasure forgets which records its user's session has seen. When these are folded again, the
  /// session is as far as that for a while, and a failover must not find it behind its mark.
  private mutating func lower(
    _ marks: [Partition: Int64],
    to extents: [Partition: Extent]
  ) throws(PipelineFailure) {
    var lowered: [Position] = []
    for (partition, mark) in marks {
      guard let extent = extents[partition] else { continue }
      let start = extent.committed ?? extent.first
      if start >= mark { continue }
      lowered.append(
        Position(topic: partition.topic, partition: partition.number, offset: start)
      )
    }
    if lowered.isEmpty { return }
    do throws(SessionFailure) { try store.mark(lowered) } catch { throw PipelineFailure(error) }
  }

  /// Whether a record is read for the sessions alone: what it led to was published before.
  func isRebuilding(_ position: Position) -> Bool {
    rebuilding[position.home].map { position.offset < $0 } ?? false
  }

  /// Tells the store now and then how far it is, so that the next who claims need not look back
  /// further; `atOnce` when nothing comes after.
  mutating func mark(atOnce: Bool = false) throws(PipelineFailure) {
    let nowMs = monotonicMs()
    // Whoever has a partition now tells of it.
    unmarked = unmarked.filter { source.assignment.contains($0.key) }
    if unmarked.isEmpty || (!atOnce && nowMs - markedMs < Self.markEveryMs) { return }
    markedMs = nowMs
    do throws(SessionFailure) {
      try store.mark(Array(unmarked.values))
      unmarked = [:]
    } catch {
      switch error.remedy {
      case .retry: return
      case .claim:
        let partitions = Set(unmarked.keys)
        unmarked = [:]
        try source.holdBack(partitions)
      case .stop: throw PipelineFailure(error)
      }
    }
  }
}

extension PipelineFailure {
  init(_ failure: SessionFailure) {
    let remedy: Remedy =
      switch failure.remedy {
      case .retry: .retry
      case .claim: .claim
      case .stop: .stop
      }
    self.init(remedy: remedy, dependency: .sessions, reason: failure.reason)
  }
}
