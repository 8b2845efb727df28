internal import Events
internal import Pipeline

/// A producer of transactions, as `KafkaTransactions` is one.
final class SimulatedProducer: TransactionalProducer {
  private unowned let world: World
  private let life: Life
  private let epoch: Int
  /// Sent, and not yet with the broker.
  private var buffer: [Message] = []
  /// What became of something sent, to be told by the next call.
  private var trouble: TransactionFailure?

  init(_ world: World, _ life: Life) throws(TransactionFailure) {
    self.world = world
    self.life = life
    epoch = try world.call(life, .initialise, Self.retry) { () throws(TransactionFailure) in
      do throws(Broker.Failure) {
        return try world.broker.initialise(life.producerName).epoch
      } catch {
        world.trace.count("refused: \(error)")
        world.clock.advance(ms: 10)
        throw TransactionFailure(remedy: .retry, reason: "\(error)")
      }
    }
    world.note(life, "is \(life.producerName) in epoch \(epoch)")
    life.lastWords = { [weak self] in self?.flush() }
  }

  func begin() throws(TransactionFailure) {
    try world.call(life, .begin, Self.retry) { () throws(TransactionFailure) in }
  }

  func send(_ message: Message) throws(TransactionFailure) {
    try world.call(life, .send, Self.retry) { () throws(TransactionFailure) in
      try tellTrouble()
      if world.isQueueFull() {
        throw TransactionFailure(remedy: .retry, reason: "the queue is full")
      }
      buffer.append(message)
      if world.dice.chance(0.4) { flush() }
    }
  }

  func commit(next: [Position], for member: Membership) throws(TransactionFailure) {
    let offsets = Dictionary(uniqueKeysWithValues: next.map { (Int($0.partition), $0.offset) })
    if world.bug == .commitBeforePublish {
      world.broker.withGroup { $0.commitUnchecked(offsets) }
    }
    // Offsets that were given up may still arrive, and count with the next transaction's.
    try world.call(life, .addOffsets, Self.renew) { () throws(TransactionFailure) in
      try tellTrouble()
      let (name, epoch, nowMs) = (life.producerName, epoch, world.nowMs)
      func add(_ world: World) throws(Broker.Failure) {
        try world.broker.add(
          offsets,
          for: member,
          as: name,
          epoch: epoch,
          nowMs: nowMs
        )
      }
      if world.strikes(.late) {
        world.later { [unowned world] in try? add(world) }
        throw world.bug == .lateOffsetsAborted ? Self.abort(.late) : Self.renew(.late)
      }
      do throws(Broker.Failure) { try add(world) } catch { throw told(error) }
    }
    try world.call(life, .flush, Self.abort) { () throws(TransactionFailure) in
      flush()
      try tellTrouble()
    }
    try end(.endTransaction, isCommit: true)
    world.note(life, "committed \(offsets.sorted { $0.key < $1.key }.map { "\($0)=\($1)" })")
  }

  func abort() throws(TransactionFailure) {
    buffer = []
    trouble = nil
    do throws(TransactionFailure) { try end(.abort, isCommit: false) } catch {
      throw TransactionFailure(
        remedy: [.stop, .fenced].contains(error.remedy) ? error.remedy : .renew,
        reason: error.reason
      )
    }
  }

  private func end(_ step: Step, isCommit: Bool) throws(TransactionFailure) {
    try world.call(life, step, Self.renew) { () throws(TransactionFailure) in
      let (name, epoch, nowMs) = (life.producerName, epoch, world.nowMs)
      let lagMs = world.dice.chance(0.3) ? world.dice.roll(1...800) : 0
      func end(_ world: World) throws(Broker.Failure) {
        try world.broker.end(
          as: name,
          epoch: epoch,
          isCommit: isCommit,
          nowMs: nowMs,
          lagMs: lagMs
        )
      }
      if world.strikes(.late) {
        world.later { [unowned world] in try? end(world) }
        throw Self.renew(.late)
      }
      do throws(Broker.Failure) { try end(world) } catch { throw told(error) }
    }
  }

  /// Brings what was sent to the broker; an acknowledgement that is lost makes the client send
  /// again, and the broker drop the repetition.
  private func flush() {
    let messages = buffer
    buffer = []
    if messages.isEmpty { return }
    if !world.isReachable(.kafka) {
      trouble = TransactionFailure(remedy: .abort, reason: "a message expired")
      return
    }
    do throws(Broker.Failure) {
      try world.broker.produce(
        messages,
        as: life.producerName,
        epoch: epoch,
        nowMs: world.nowMs
      )
    } catch {
      trouble = told(error)
    }
  }

  private func tellTrouble() throws(TransactionFailure) { if let trouble { throw trouble } }

  private func told(_ failure: Broker.Failure) -> TransactionFailure {
    world.note(life, "refused: \(failure)")
    world.trace.count("refused: \(failure)")
    let remedy: TransactionFailure.Remedy =
      switch failure {
      case .fenced: .fenced
      case .concurrent: .retry
      case .notMember: .abort
      }
    return TransactionFailure(remedy: remedy, reason: "\(failure)")
  }

  private static func retry(_ fault: Fault) -> TransactionFailure { told(fault, .retry) }
  private static func abort(_ fault: Fault) -> TransactionFailure { told(fault, .abort) }
  private static func renew(_ fault: Fault) -> TransactionFailure { told(fault, .renew) }

  private static func told(
    _ fault: Fault,
    _ remedy: TransactionFailure.Remedy
  ) -> TransactionFailure {
    TransactionFailure(remedy: fault == .crash ? .stop : remedy, reason: fault.rawValue)
  }
}
