internal import Events
internal import Pipeline

/// A producer without transactions, as `KafkaSink` is one: at least once.
final class SimulatedSink: MessageSink {
  private unowned let world: World
  private let life: Life
  private var id: Int
  /// Messages this producer has numbered.
  private var sent = 0
  private var buffer: [(sequence: Int, message: Message)] = []

  var isTransactional: Bool { false }

  init(_ world: World, _ life: Life) {
    self.world = world
    self.life = life
    id = world.broker.newID()
    life.lastWords = { [weak self] in self?.deliver() }
  }

  func send(_ message: Message) throws(PipelineFailure) {
    try world.call(life, .send, PipelineFailure.init) { () throws(PipelineFailure) in
      if world.isQueueFull() {
        throw PipelineFailure(remedy: .retry, dependency: .kafka, reason: "the queue is full")
      }
      buffer.append((sent, message))
      sent += 1
      if world.dice.chance(0.4) { deliver() }
    }
  }

  func commit(
    next: [Position],
    from source: inout some ClickSource
  ) throws(PipelineFailure) {
    if world.bug == .commitBeforePublish { try source.commit(next: next) }
    try world.call(life, .flush, PipelineFailure.init) { () throws(PipelineFailure) in
      if world.strikes(.partial) { try expire() }
      deliver()
      if !buffer.isEmpty {
        throw PipelineFailure(remedy: .retry, dependency: .kafka, reason: "still on their way")
      }
    }
    try source.commit(next: next)
  }

  func abandon() throws(PipelineFailure) {}

  /// Sends what waits; an acknowledgement that is lost leaves messages in the buffer, which the
  /// broker will know again.
  private func deliver() {
    if !world.isReachable(.kafka) { return }
    for (sequence, message) in buffer {
      world.broker.store(message, producer: id, sequence: sequence)
    }
    if !world.strikes(.unanswered) { buffer = [] }
  }

  /// Gives up what waits, of which the first may have been stored.
  private func expire() throws(PipelineFailure) {
    if buffer.isEmpty { return }
    for (sequence, message) in buffer.prefix(world.dice.roll(0...buffer.count)) {
      world.broker.store(message, producer: id, sequence: sequence)
    }
    buffer = []
    id = world.broker.newID()
    throw PipelineFailure(remedy: .again, dependency: .kafka, reason: "messages expired")
  }
}

extension PipelineFailure {
  /// What a client of Kafka tells of a fault.
  init(_ fault: Fault) {
    self.init(
      remedy: fault == .crash ? .stop : .retry,
      dependency: .kafka,
      reason: fault.rawValue
    )
  }
}
