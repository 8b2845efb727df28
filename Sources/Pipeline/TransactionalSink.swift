package import Events

/// A producer whose messages and offsets become visible together, or never.
///
/// What it must do is what Kafka's does; it is a protocol so that a simulation can stand in.
package protocol TransactionalProducer {
  /// Begins a transaction, of which nobody is told before something is sent in it.
  mutating func begin() throws(TransactionFailure)

  /// Hands a message over; whether it is stored shows in the commit.
  mutating func send(_ message: Message) throws(TransactionFailure)

  /// Adds to the transaction that the group is done with everything before `next`, and commits it.
  mutating func commit(next: [Position], for member: Membership) throws(TransactionFailure)

  /// Ends the transaction as if it had never been.
  mutating func abort() throws(TransactionFailure)
}

/// Why a call to a transactional producer failed, and what becomes of its transaction.
package struct TransactionFailure: Error, Equatable, Sendable {
  package enum Remedy: Equatable, Sendable {
    /// Nothing happened; the call may be made again.
    case retry
    /// The transaction has to be aborted.
    case abort
    /// It is not known what became of it, or the producer is of no more use: only a new one, which
    /// ends what its predecessor left open, makes that certain.
    case renew
    /// A younger producer goes by our name.
    case fenced
    case stop
  }

  package var remedy: Remedy
  package var reason: String

  package init(remedy: Remedy, reason: String) {
    self.remedy = remedy
    self.reason = reason
  }
}

/// Suggestions, dead letters and offsets in one transaction a batch: exactly once.
///
/// After every outcome that is not certain the producer is let go and made anew. Making one makes
/// the brokers end the transaction its predecessor left open, one way or the other; what the group
/// has committed then tells which. Being fenced is the end, unless our transaction was open for so
/// long that the brokers gave it up themselves.
package struct TransactionalSink<Producer: TransactionalProducer>: MessageSink {
  package var isTransactional: Bool { true }

  private let make: () throws(TransactionFailure) -> Producer
  private let timeoutMs: Int64
  private let nowMs: () -> Int64
  private var producer: Producer?
  /// When the transaction began that is open.
  private var openedMs: Int64?

  /// A sink that makes its first producer when it is first used.
  ///
  /// - Parameters:
  ///   - timeoutMs: After how long the brokers abort a transaction that is left open.
  ///   - nowMs: A clock that only grows.
  ///   - make: Makes a producer that has ended what its predecessor left open.
  package init(
    timeoutMs: Int64,
    nowMs: @escaping () -> Int64,
    make: @escaping () throws(TransactionFailure) -> Producer
  ) {
    self.timeoutMs = timeoutMs
    self.nowMs = nowMs
    self.make = make
  }

  /// Makes the producer, if there is none.
  package mutating func prepare() throws(PipelineFailure) {
    if producer != nil { return }
    do throws(TransactionFailure) { producer = try make() } catch {
      throw PipelineFailure(
        // A younger one may be starting too: there is no transaction to lose yet.
        remedy: error.remedy == .stop ? .stop : .retry,
        dependency: .kafka,
        reason: error.reason
      )
    }
  }

  package mutating func send(_ message: Message) throws(PipelineFailure) {
    try attempt { (sink) throws(TransactionFailure) in
      try sink.begin()
      try sink.producer?.send(message)
    }
  }

  package mutating func commit(
    next: [Position],
    from source: inout some ClickSource
  ) throws(PipelineFailure) {
    let member = source.membership
    // Outside the group nobody checks whether the partitions are still ours.
    if !member.isMember {
      throw PipelineFailure(remedy: .again, dependency: .kafka, reason: "the group was left")
    }
    try attempt { (sink) throws(TransactionFailure) in
      try sink.begin()
      try sink.producer?.commit(next: next, for: member)
    }
    openedMs = nil
  }

  package mutating func abandon() throws(PipelineFailure) {
    if openedMs != nil, producer != nil {
      do throws(TransactionFailure) { try producer?.abort() } catch {
        let failure = told(error)
        if failure.remedy == .stop { throw failure }
        // However the abort failed, another producer ends the transaction.
        producer = nil
      }
    }
    openedMs = nil
    try prepare()
  }

  private mutating func begin() throws(TransactionFailure) {
    if openedMs != nil { return }
    try producer?.begin()
    openedMs = nowMs()
  }

  private mutating func attempt(
    _ body: (inout Self) throws(TransactionFailure) -> Void
  ) throws(PipelineFailure) {
    try prepare()
    do throws(TransactionFailure) { try body(&self) } catch { throw told(error) }
  }

  /// What a failure means for the batch; a producer that is of no more use is let go.
  private mutating func told(_ failure: TransactionFailure) -> PipelineFailure {
    let remedy: PipelineFailure.Remedy
    switch failure.remedy {
    case .retry: remedy = .retry
    case .abort: remedy = .again
    case .renew:
      producer = nil
      remedy = .again
    case .fenced:
      // A new producer would fence whoever has our name by now. But it may be nobody: brokers do
      // the same to a transaction that they give up.
      let isExpired = openedMs.map { nowMs() - $0 >= timeoutMs } ?? false
      producer = nil
      remedy = isExpired ? .again : .stop
    case .stop: remedy = .stop
    }
    return PipelineFailure(remedy: remedy, dependency: .kafka, reason: failure.reason)
  }
}
