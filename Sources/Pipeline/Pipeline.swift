internal import Events
package import Learning
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
  /// Learns while it serves; `nil` if it does not.
  package var learner: LiveLearner?
  package let options: PipelineOptions
  package let clock: PipelineClock
  static var markEveryMs: Int64 { 1_000 }
  /// Long enough for a group that gave us up to let us know.
  private static var confirmMs: Int { 300 }

  /// Of a call that is made until it works.
  var patience: Patience
  /// Of a batch that is given up, and comes again until it is committed.
  private var batchPatience: Patience
  /// Where the batch began that was given up last, in each of its partitions.
  private var givenUp: Set<Position> = []
  /// Partitions whose sessions are behind, and the offset from which on they are served again.
  var rebuilding: [Partition: Int64] = [:]
  /// What is done, and the store was not told of yet.
  var unmarked: [Partition: Position] = [:]
  var markedMs: Int64 = 0
  /// When lessons were last exchanged.
  var learnedMs: Int64 = 0
  /// When they may be again, after a log that did not answer.
  var learnAgainMs: Int64 = 0
  var learningPatience = Patience(fatalAfterMs: .max, boundsMs: 1_000...30_000)
  /// When the source last had its say.
  var polledMs: Int64 = 0
  private var jitter: any RandomNumberGenerator & Sendable

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
    jitter = options.jitter
  }

  /// Carries one batch through; with nothing to read it returns an empty turn after `idleWaitMs`.
  package mutating func turn() throws(PipelineFailure) -> Turn {
    var turn = Turn()
    try admit(&turn)
    catchUp(&turn)
    try consume(&turn)
    if turn.records.isEmpty {
      try mark()
      learnIdly(&turn)
      return turn
    }
    let epoch = source.assignmentEpoch

    decode(&turn)
    do throws(Interruption) {
      try session(&turn, epoch: epoch)
      var rows = batch(&turn)
      encode(&rows, &turn)
      denoise(&rows, &turn)
      match(&rows, &turn)
      learn(rows, &turn)
      try publish(&turn, epoch: epoch)
      try commit(&turn, epoch: epoch)
      batchPatience.succeeded()
    } catch {
      switch error {
      case .abandoned(let cause): try abandon(&turn, cause)
      case .failed(let failure): throw failure
      }
      return turn
    }
    try mark()
    exchange(&turn)
    return turn
  }

  /// Tells the store how far it is, and hands on what was learned; nothing comes after.
  package mutating func finish() throws(PipelineFailure) {
    try mark(atOnce: true)
    var turn = Turn()
    exchange(&turn)
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
      try confirm(epoch)
      let startedMs = monotonicMs()
      do throws(PipelineFailure) {
        try attempt(&self, &turn)
        patience.succeeded()
        return
      } catch {
        if [.again, .claim].contains(error.remedy) { throw .abandoned(.failed(error)) }
        do throws(PipelineFailure) {
          try wait(for: error, startedMs: startedMs, &turn, \.patience)
        } catch { throw .failed(error) }
      }
      if source.assignmentEpoch != epoch { throw .abandoned(.partitionsMoved) }
      if options.shouldStop() { throw .abandoned(.stopping) }
    }
  }

  /// Lets the group speak first, if it was not heard for so long that it may have given us up: a
  /// worker that was frozen and wakes would otherwise go on where it was.
  private mutating func confirm(_ epoch: Int) throws(Interruption) {
    if monotonicMs() - polledMs <= options.silenceMs { return }
    do throws(PipelineFailure) { try stayAlive(ms: Self.confirmMs) } catch {
      throw .failed(error)
    }
    if source.assignmentEpoch != epoch { throw .abandoned(.partitionsMoved) }
  }

  private mutating func stayAlive(ms: Int) throws(PipelineFailure) {
    polledMs = monotonicMs()
    try source.stayAlive(ms: ms)
  }

  /// Waits a while after a failure, or throws what ends it.
  mutating func wait(
    for failure: PipelineFailure,
    startedMs: Int64,
    _ turn: inout Turn,
    _ patience: WritableKeyPath<Self, Patience>
  ) throws(PipelineFailure) {
    if failure.remedy == .stop { throw failure }
    turn.retries[failure.dependency, default: 0] += 1
    if failure.dependency == .sessions { turn.storeAnswered = false }
    options.onWait(failure)
    var series = self[keyPath: patience]
    let action = series.failed(startedMs: startedMs, nowMs: monotonicMs()) {
      Int.random(in: $0, using: &jitter)
    }
    self[keyPath: patience] = series
    switch action {
    case .wait(let ms): try stayAlive(ms: ms)
    case .giveUp(let ms):
      throw PipelineFailure(
        remedy: .stop,
        dependency: failure.dependency,
        reason: "\(failure.reason); it has failed for \(ms / 1_000) s"
      )
    }
  }

  /// Gives the batch up: what is still ours comes again, the rest goes to its new owner.
  ///
  /// Asked to stop, it does not wait for what cannot be settled now: nothing is read any more.
  private mutating func abandon(
    _ turn: inout Turn,
    _ cause: Turn.Abandonment
  ) throws(PipelineFailure) {
    turn.abandoned = cause
    var first: [Partition: Position] = [:]
    for record in turn.records where first[record.position.home] == nil {
      first[record.position.home] = record.position
    }
    while true {
      let startedMs = monotonicMs()
      do throws(PipelineFailure) {
        try sink.abandon()
        if options.shouldStop() { return }
        if sink.isTransactional { try goByCommitted(first) }
        try source.rewind(to: Array(first.values))
        patience.succeeded()
        break
      } catch {
        if error.remedy != .stop, options.shouldStop() { return }
        try wait(for: error, startedMs: startedMs, &turn, \.patience)
      }
    }
    guard case .failed(let failure) = cause else { return }
    if failure.remedy == .claim { try source.holdBack(Set(first.keys)) }
    if options.shouldStop() { return }
    let batch = Set(first.values)
    // Another batch: the one before was somebody else's to do again.
    if batch.isDisjoint(with: givenUp) { batchPatience.succeeded() }
    givenUp = batch
    try wait(for: failure, startedMs: monotonicMs(), &turn, \.batchPatience)
  }

  /// A transaction whose outcome was not known may have been committed after all: what is read
  /// again of it is not published again.
  private mutating func goByCommitted(
    _ first: [Partition: Position]
  ) throws(PipelineFailure) {
    for (partition, extent) in try source.extents(of: Set(first.keys)) {
      guard let committed = extent.committed, let first = first[partition] else { continue }
      if committed > first.offset { rebuilding[partition] = committed }
    }
  }

  func monotonicMs() -> Int64 { Int64(clock.monotonicNs() / 1_000_000) }
}

/// Why a batch does not go on.
enum Interruption: Error {
  case abandoned(Turn.Abandonment)
  case failed(PipelineFailure)
}

/// What a pipeline is told by the configuration.
package struct PipelineOptions: Sendable {
  package var maxBatch: Int
  package var maxDelayMs: Int
  /// How long a turn waits for a first record.
  package var idleWaitMs: Int
  package var fatalAfterMs: Int64
  /// For how long the source may go unheard in a batch; the group takes a member for dead after
  /// about twice that.
  package var silenceMs: Int64 = 20_000
  /// Types of events that count as clicks.
  package var countedTypes: Set<String>
  package var maxEventBytes: Int
  /// A suggestion that would be larger is shortened.
  package var maxSuggestionBytes = 1_000_000
  /// Named in the headers of dead letters.
  package var worker: String
  /// Whether to give up waiting: what is not committed comes again.
  package var shouldStop: @Sendable () -> Bool = { false }
  /// Draws how long to wait; an argument, so that a run can be repeated.
  package var jitter: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
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
