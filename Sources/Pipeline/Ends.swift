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

  /// Passes `ms` without delivering anything, and without being taken for dead.
  mutating func stayAlive(ms: Int) throws(PipelineFailure)

  /// Delivers again from these positions, those of partitions it no longer has excepted.
  mutating func rewind(to first: [Position]) throws(PipelineFailure)

  /// Remembers that everything before these positions is done.
  mutating func commit(next: [Position]) throws(PipelineFailure)
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
  /// Hands a message over; it may still be on its way when this returns.
  mutating func send(_ message: Message) throws(PipelineFailure)

  /// Returns once every message sent so far is stored for good.
  ///
  /// - Throws: `retry` while some are still on their way: flush again, do not send again. `again`
  ///   if some were given up.
  mutating func flush() throws(PipelineFailure)
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
