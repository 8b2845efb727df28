package import Events

/// Where records come from: a topic, a file, a test.
package protocol ClickSource {
  /// Takes up to `max` records.
  ///
  /// Waits up to `firstWaitMs` for the first, then up to `lingerMs` for company. Called again only
  /// once what it returned is committed or rewound.
  mutating func poll(
    max: Int,
    firstWaitMs: Int,
    lingerMs: Int
  ) throws(PipelineFailure) -> [Record]

  /// Changes whenever partitions come or go.
  ///
  /// A batch polled under another epoch may belong to somebody else by now.
  var assignmentEpoch: Int { get }

  /// The partitions that are ours just now.
  var assignment: Set<Partition> { get }

  /// Partitions of ours that wait for ``admit(_:)``; nothing comes from them before.
  var arrived: Set<Partition> { get }

  /// As whom the group knows us just now.
  var membership: Membership { get }

  /// Where the group is in these partitions, and what is kept of them.
  mutating func extents(
    of partitions: Set<Partition>
  ) throws(PipelineFailure) -> [Partition: Extent]

  /// Lets partitions that arrived deliver, from the given offset, or where the group is.
  ///
  /// Those that have gone meanwhile are passed over.
  mutating func admit(_ starts: [Partition: Int64?]) throws(PipelineFailure)

  /// Holds partitions back, as if they had just arrived.
  mutating func holdBack(_ partitions: Set<Partition>) throws(PipelineFailure)

  /// Passes `ms` without delivering anything, and without being taken for dead.
  mutating func stayAlive(ms: Int) throws(PipelineFailure)

  /// Delivers again from these positions, those of partitions it no longer has excepted.
  mutating func rewind(to first: [Position]) throws(PipelineFailure)

  /// Remembers that everything before these positions is done.
  mutating func commit(next: [Position]) throws(PipelineFailure)
}

/// What there is of a partition.
package struct Extent: Equatable, Sendable {
  /// Everything before it is done; `nil` if the group has committed nothing.
  package var committed: Int64?
  /// The first offset that is still kept.
  package var first: Int64
  /// The first that a session may still rest on, as what lies before is older than any lives;
  /// `Int64.max` where all of it is.
  package var relevant: Int64
  /// The offset of the next record to come; `nil` where that is not known.
  package var end: Int64?

  package init(committed: Int64?, first: Int64, relevant: Int64? = nil, end: Int64? = nil) {
    self.end = end
    self.committed = committed
    self.first = first
    self.relevant = max(relevant ?? first, first)
  }
}

/// A message on its way out.
package struct Message: Equatable, Sendable {
  package enum Destination: Sendable { case suggestions, deadLetters }

  package var destination: Destination
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [Header]

  package init(destination: Destination, key: [UInt8]?, value: [UInt8]?, headers: [Header]) {
    self.destination = destination
    self.key = key
    self.value = value
    self.headers = headers
  }
}

/// Where suggestions and dead letters go.
package protocol MessageSink {
  /// Whether messages and offsets are committed together, or not at all.
  var isTransactional: Bool { get }

  /// Hands a message over; it may still be on its way when this returns.
  mutating func send(_ message: Message) throws(PipelineFailure)

  /// Returns once every message sent since the last commit is stored for good, and with them that
  /// everything before `next` is done.
  ///
  /// - Throws: `retry` while some are still on their way: commit again, do not send again. `again`
  ///   if some were given up, or if it is not known what became of them.
  mutating func commit(
    next: [Position],
    from source: inout some ClickSource
  ) throws(PipelineFailure)

  /// Takes back what was sent since the last commit, as far as that can be; in a transaction it
  /// returns only once the outcome is certain, which the committed offsets then tell.
  mutating func abandon() throws(PipelineFailure)
}

/// The two clocks a pipeline reads; arguments, so that a replay or a test sets them.
package struct PipelineClock: Sendable {
  /// Milliseconds since the Unix epoch.
  package var wallMs: @Sendable () -> Int64
  /// Nanoseconds that only grow.
  package var monotonicNs: @Sendable () -> UInt64

  package init(
    wallMs: @escaping @Sendable () -> Int64,
    monotonicNs: @escaping @Sendable () -> UInt64
  ) {
    self.wallMs = wallMs
    self.monotonicNs = monotonicNs
  }
}

/// Why the pipeline cannot go on just now, and what may be done about it.
package struct PipelineFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Remedy: Equatable, Sendable {
    /// The same call may work later.
    case retry
    /// The batch did not stick: it has to be read and done again.
    case again
    /// The same, once its partitions are claimed in the session store.
    case claim
    /// It will not: somebody has to act on the reason.
    case stop
  }

  /// Who is at fault.
  package enum Dependency: String, Sendable, CaseIterable { case kafka, sessions, model }

  package var remedy: Remedy
  package var dependency: Dependency
  package var reason: String

  package init(remedy: Remedy, dependency: Dependency, reason: String) {
    self.remedy = remedy
    self.dependency = dependency
    self.reason = reason
  }

  package var description: String { "\(dependency.rawValue): \(reason)" }
}
