internal import Synchronization

package import Events
package import Pipeline

/// A log in memory, and what was committed of it.
package final class MemorySource: ClickSource {
  package var records: [Record]
  package private(set) var committed: [String: Int64] = [:]
  /// Where the last rewind went.
  package private(set) var rewound: [Position] = []
  package var assignmentEpoch = 0
  package var assignment: Set<Partition> { Set(records.map(\.position.home)) }
  package private(set) var arrived: Set<Partition>
  package var membership = Membership(group: "group", generation: 1, member: "member")
  /// What the group had committed before; partitions without count as new.
  package var before: [Partition: Int64] = [:]
  /// The first offsets kept, 0 where none is given.
  package var kept: [Partition: Int64] = [:]
  /// The first offsets that a session may rest on, those kept where none is given.
  package var relevant: [Partition: Int64] = [:]
  /// Where the last admissions began.
  package private(set) var admitted: [Partition: Int64?] = [:]
  /// Thrown one after the other by the next admissions.
  package var refusals: [PipelineFailure] = []
  package private(set) var waitedMs = 0
  /// Called while the pipeline waits; a rebalance can happen here.
  package var whileWaiting: (MemorySource) -> Void = { _ in }
  /// Called when records are taken.
  package var onPoll: () -> Void = {}
  private var next = 0

  /// What is said of partitions' ends, one answer after the other; the last one stays.
  package var ends: [Partition: [Int64]] = [:]

  package init(_ records: [Record]) {
    self.records = records
    arrived = Set(records.map(\.position.home))
  }

  package func poll(
    max: Int,
    firstWaitMs: Int,
    lingerMs: Int
  ) throws(PipelineFailure) -> [Record] {
    let batch = Array(records[next...].prefix(max))
    next += batch.count
    onPoll()
    return batch
  }

  package func extents(
    of partitions: Set<Partition>
  ) throws(PipelineFailure) -> [Partition: Extent] {
    Dictionary(
      uniqueKeysWithValues: partitions.map {
        ($0, extent($0))
      }
    )
  }

  private func extent(_ partition: Partition) -> Extent {
    Extent(
      committed: committed["\(partition)"] ?? before[partition],
      first: kept[partition] ?? 0,
      relevant: relevant[partition],
      end: end(partition)
    )
  }

  private func end(_ partition: Partition) -> Int64? {
    guard var coming = ends[partition], let next = coming.first else { return nil }
    if coming.count > 1 { coming.removeFirst() }
    ends[partition] = coming
    return next
  }

  package func admit(_ starts: [Partition: Int64?]) throws(PipelineFailure) {
    if !refusals.isEmpty { throw refusals.removeFirst() }
    admitted = starts
    arrived = []
    let known = starts.compactMapValues(\.self)
    if known.isEmpty { return }
    next =
      records.firstIndex { $0.position.offset >= known[$0.position.home] ?? .max } ?? records.count
  }

  package func holdBack(_ partitions: Set<Partition>) throws(PipelineFailure) {
    arrived.formUnion(partitions)
  }

  package func stayAlive(ms: Int) throws(PipelineFailure) {
    waitedMs += ms
    whileWaiting(self)
  }

  package func rewind(to first: [Position]) throws(PipelineFailure) {
    rewound = first
    next = records.firstIndex { first.contains($0.position) } ?? records.count
  }

  package func commit(next: [Position]) throws(PipelineFailure) {
    for position in next { committed["\(position.topic)/\(position.partition)"] = position.offset }
  }
}

/// What was sent, and how much of it is stored.
package final class MemorySink: MessageSink {
  package var isTransactional = false
  package private(set) var abandoned = 0
  /// Whether what fails was done all the same.
  package var commitsBeforeFailing = false
  package private(set) var sent: [Message] = []
  package private(set) var stored = 0
  /// Thrown one after the other by the next commits.
  package var failures: [PipelineFailure] = []
  /// Thrown one after the other when what was sent is to be taken back.
  package var refusals: [PipelineFailure] = []

  package init() {}

  package func send(_ message: Message) throws(PipelineFailure) { sent.append(message) }

  package func commit(
    next: [Position],
    from source: inout some ClickSource
  ) throws(PipelineFailure) {
    if !failures.isEmpty {
      if commitsBeforeFailing { try source.commit(next: next) }
      throw failures.removeFirst()
    }
    stored = sent.count
    try source.commit(next: next)
  }

  package func abandon() throws(PipelineFailure) {
    if !refusals.isEmpty { throw refusals.removeFirst() }
    abandoned += 1
  }
}

/// A clock that a test sets; every look at it takes a microsecond.
package final class ManualClock: Sendable {
  package let startMs: Int64
  private let looks = Looks()

  package init(startMs: Int64 = 1_700_000_000_000) { self.startMs = startMs }

  package var clock: PipelineClock {
    PipelineClock(
      wallMs: { [startMs, looks] in startMs + Int64(looks.passed / 1_000_000) },
      monotonicNs: { [looks] in looks.look() },
    )
  }

  package func advance(ms: Int) { looks.advance(UInt64(ms) * 1_000_000) }
}

private final class Looks: Sendable {
  private let nanoseconds = Atomic<UInt64>(0)

  var passed: UInt64 { nanoseconds.load(ordering: .relaxed) }

  func look() -> UInt64 { nanoseconds.wrappingAdd(1_000, ordering: .relaxed).newValue }

  func advance(_ by: UInt64) { nanoseconds.wrappingAdd(by, ordering: .relaxed) }
}
