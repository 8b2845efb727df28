internal import Events
internal import Pipeline
internal import Sessions

/// A worker, whatever it publishes with.
protocol Working: AnyObject {
  var life: Life { get }
  /// Whether it is a member, with partitions, all of which it has come to the end of.
  var isIdle: Bool { get }
  var partitions: Int { get }

  func turn()
}

/// A pipeline in a box of its own, so that it may stand still while others have their turns.
final class Worker<Sink: MessageSink>: Working {
  let life: Life
  private unowned let world: World
  private var pipeline: Pipeline<SimulatedSource, SimulatedStore, Sink>
  private let prepare: (inout Sink) throws(PipelineFailure) -> Void
  private var isPrepared = false
  private var sawNothing = false

  init(
    _ world: World,
    _ life: Life,
    sink: Sink,
    prepare: @escaping (inout Sink) throws(PipelineFailure) -> Void
  ) {
    self.world = world
    self.life = life
    self.prepare = prepare
    pipeline = Pipeline(
      source: SimulatedSource(world, life),
      store: SimulatedStore(world, life),
      sink: sink,
      recommender: world.recommender,
      options: Self.options(world, life),
      clock: world.clock.pipelineClock
    )
  }

  var isIdle: Bool { sawNothing && pipeline.source.isSettled }
  var partitions: Int { pipeline.source.partitions }

  func turn() {
    life.isBusy = true
    defer { life.isBusy = false }
    do throws(PipelineFailure) {
      // What a predecessor left open would keep the group's offsets from us.
      if !isPrepared { return try getReady() }
      let turn = try pipeline.turn()
      sawNothing = turn.records.isEmpty && turn.rebuilds.isEmpty
      witness(turn)
      if life.isAskedToStop.isSet {
        try pipeline.finish()
        pipeline.source.close()
      }
    } catch {
      if !life.isDead { world.gaveUp(life, error) }
      world.note(life, "ends: \(error)")
      life.isDead = true
    }
  }

  private func getReady() throws(PipelineFailure) {
    do throws(PipelineFailure) {
      try prepare(&pipeline.sink)
      isPrepared = true
    } catch {
      if error.remedy == .stop { throw error }
      world.clock.advance(ms: world.dice.roll(50...500))
      if life.isAskedToStop.isSet { life.isDead = true }
    }
  }

  private func witness(_ turn: Turn) {
    world.trace.count("turns")
    if !turn.records.isEmpty { world.trace.count("batches") }
    for rebuild in turn.rebuilds.sorted(by: { $0.partition.number < $1.partition.number }) {
      world.trace.count("rebuilds")
      world.note(life, "folds \(rebuild.partition) from \(rebuild.from) to \(rebuild.until)")
    }
    if let abandoned = turn.abandoned {
      world.trace.count("abandoned")
      world.note(life, "abandons: \(abandoned)")
    }
    world.trace.count("redelivered", turn.views.count { $0?.outcome == .redelivered })
  }

  private static func options(_ world: World, _ life: Life) -> PipelineOptions {
    var options = PipelineOptions(
      maxBatch: world.dice.roll(1...Scenario.largestBatch),
      idleWaitMs: 100,
      fatalAfterMs: Scenario.fatalAfterMs,
      worker: "simulated"
    )
    options.silenceMs = Scenario.sessionTimeoutMs / 2
    options.shouldStop = { [flag = life.isAskedToStop] in flag.isSet }
    options.jitter = world.dice.fork()
    return options
  }
}

extension World {
  /// Takes note of a worker that ended of itself: it may when another goes by its name, or when
  /// what it waited for lasted too long, which cannot be once nothing goes wrong.
  func gaveUp(_ life: Life, _ failure: PipelineFailure) {
    trace.count("gave up")
    let isPatient = calmSinceMs.map { nowMs - $0 > Scenario.fatalAfterMs } ?? false
    if isPatient, !failure.reason.contains("\(Broker.Failure.fenced)") {
      complaints.append("worker \(life.number) gave up with nothing wrong: \(failure)")
    }
  }

  /// Starts another worker, perhaps under the name of one that stands still.
  func startWorker() {
    started += 1
    let taken = Set(
      workers.filter { !$0.life.isBusy || !dice.chance(0.3) }.map(\.life.producerName)
    )
    let free = (0..<4).map { "p\($0)" }.filter { !taken.contains($0) }
    let life = Life(number: started, producerName: dice.pick(free) ?? "p\(started)")
    trace.count("started")
    note(life, "starts as \(life.producerName)")
    workers.append(scenario.isTransactional ? transactional(life) : plain(life))
  }

  private func plain(_ life: Life) -> any Working {
    Worker(self, life, sink: SimulatedSink(self, life)) { _ in }
  }

  private func transactional(_ life: Life) -> any Working {
    let sink = TransactionalSink(
      timeoutMs: Scenario.transactionTimeoutMs,
      nowMs: { [clock] in clock.nowMs }
    ) { [unowned self] () throws(TransactionFailure) in
      try SimulatedProducer(self, life)
    }
    return Worker(self, life, sink: sink) { sink throws(PipelineFailure) in try sink.prepare() }
  }
}
