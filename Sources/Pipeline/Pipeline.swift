internal import Events
package import Sessions

/// The path of a click, from the topic it came in by to the suggestion that leaves.
///
/// One batch at a time, on the caller's thread, at its own pace. What is committed was published,
/// and what was published had been applied to its sessions; a batch that fails in between comes
/// again, and every stage gives for it what it gave the first time.
package struct Pipeline<Source: ClickSource, Store: SessionStore, Sink: MessageSink> {
  package var source: Source
  package var store: Store
  package var sink: Sink
  package var recommender: Recommender
  package let options: PipelineOptions
  package let clock: PipelineClock
  private var patience: Patience
  /// Of batches that had to be done again, one after the other.
  private var batchPatience: Patience
  private var random = SystemRandomNumberGenerator()

  package init(
    source: Source,
    store: Store,
    sink: Sink,
    recommender: Recommender,
    options: PipelineOptions,
    clock: PipelineClock
  ) {
    self.source = source
    self.store = store
    self.sink = sink
    self.recommender = recommender
    self.options = options
    self.clock = clock
    patience = Patience(fatalAfterMs: options.fatalAfterMs)
    batchPatience = patience
  }

  /// Carries one batch through; with nothing to read it returns an empty turn after `idleWaitMs`.
  package mutating func turn() throws(PipelineFailure) -> Turn {
    var turn = Turn()
    try consume(&turn)
    if turn.records.isEmpty { return turn }
    let epoch = source.assignmentEpoch

    decode(&turn)
    do throws(Interruption) {
      try session(&turn, epoch: epoch)
      var rows = batch(&turn)
      encode(&rows, &turn)
      denoise(&rows, &turn)
      match(&rows, &turn)
      try publish(&turn, epoch: epoch)
      try commit(&turn, epoch: epoch)
      batchPatience.succeeded()
    } catch {
      switch error {
      case .abandoned(let cause): try abandon(&turn, cause)
      case .failed(let failure): throw failure
      }
    }
    return turn
  }

  /// Runs a stage and adds its time to the turn's account.
  mutating func timed<Result, Failure: Error>(
    _ stage: Turn.Stage,
    _ turn: inout Turn,
    _ body: (inout Self, inout Turn) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = clock.monotonicNs()
    defer { turn.nanoseconds[stage, default: 0] += clock.monotonicNs() - start }
    return try body(&self, &turn)
  }

  /// Tries until it works, the partitions are gone, or patience ends.
  mutating func persist(
    _ turn: inout Turn,
    epoch: Int,
    _ attempt: (inout Self, inout Turn) throws(PipelineFailure) -> Void
  ) throws(Interruption) {
    while true {
      let startedMs = monotonicMs()
      do throws(PipelineFailure) {
        try attempt(&self, &turn)
        patience.succeeded()
        return
      } catch {
        try waitOut(error, startedMs: startedMs, &turn)
      }
      if source.assignmentEpoch != epoch { throw .abandoned(.partitionsMoved) }
      if options.shouldStop() { throw .abandoned(.stopping) }
    }
  }

  private mutating func waitOut(
    _ failure: PipelineFailure,
    startedMs: Int64,
    _ turn: inout Turn
  ) throws(Interruption) {
    if failure.remedy == .stop { throw .failed(failure) }
    turn.retries[failure.dependency, default: 0] += 1
    options.onWait(failure)
    let nowMs = monotonicMs()
    func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    let isAgain = failure.remedy == .again
    let action =
      isAgain
      ? batchPatience.failed(startedMs: startedMs, nowMs: nowMs, random: draw)
      : patience.failed(startedMs: startedMs, nowMs: nowMs, random: draw)
    switch action {
    case .wait(let ms):
      do { try source.stayAlive(ms: ms) } catch { throw .failed(error) }
      if isAgain { throw .abandoned(.failed(failure)) }
    case .giveUp(let ms):
      let reason = "\(failure.reason); it has failed for \(ms / 1_000) s"
      throw .failed(
        PipelineFailure(remedy: .stop, dependency: failure.dependency, reason: reason)
      )
    }
  }

  /// Gives the batch up: what is still ours comes again, the rest goes to its new owner.
  private mutating func abandon(
    _ turn: inout Turn,
    _ cause: Turn.Abandonment
  ) throws(PipelineFailure) {
    turn.abandoned = cause
    var first: [Partition: Position] = [:]
    for record in turn.records where first[Partition(record.position)] == nil {
      first[Partition(record.position)] = record.position
    }
    try source.rewind(to: Array(first.values))
  }

  private func monotonicMs() -> Int64 { Int64(clock.monotonicNs() / 1_000_000) }
}

/// Why a batch does not go on.
enum Interruption: Error {
  case abandoned(Turn.Abandonment)
  case failed(PipelineFailure)
}

/// A partition of a topic, as a key.
struct Partition: Hashable {
  let topic: String
  let number: Int32

  init(_ position: Position) {
    topic = position.topic
    number = position.partition
  }
}

/// What a pipeline is told by the configuration.
package struct PipelineOptions: Sendable {
  package var maxBatch: Int
  package var maxDelayMs: Int
  /// How long a turn waits for a first record.
  package var idleWaitMs: Int
  package var fatalAfterMs: Int64
  /// Types of events that count as clicks.
  package var countedTypes: Set<String>
  package var maxEventBytes: Int
  /// Named in the headers of dead letters.
  package var worker: String
  /// Whether to give up waiting: what is not committed comes again.
  package var shouldStop: @Sendable () -> Bool = { false }
  /// Told of every failure that is waited for.
  package var onWait: @Sendable (PipelineFailure) -> Void = { _ in }

  package init(
    maxBatch: Int = 64,
    maxDelayMs: Int = 5,
    idleWaitMs: Int = 100,
    fatalAfterMs: Int64 = 60_000,
    countedTypes: Set<String> = [Click.defaultType],
    maxEventBytes: Int = 65_536,
    worker: String = "dreamstream"
  ) {
    self.maxBatch = maxBatch
    self.maxDelayMs = maxDelayMs
    self.idleWaitMs = idleWaitMs
    self.fatalAfterMs = fatalAfterMs
    self.countedTypes = countedTypes
    self.maxEventBytes = maxEventBytes
    self.worker = worker
  }
}
