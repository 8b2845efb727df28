internal import Events
internal import Pipeline

extension World {
  /// Runs until everything is done and nothing is open.
  ///
  /// - Returns: Whether that came about.
  func run() -> Bool {
    defer { workers = [] }
    for _ in 0..<scenario.workers { startWorker() }
    for _ in 0..<scenario.steps { step() }
    note(nil, "nothing goes wrong any more")
    calmSinceMs = nowMs
    load.revealAll()
    if !settle() { return false }
    // What a store has lost without anybody writing since shows when partitions are claimed.
    for worker in workers { worker.life.isAskedToStop.set() }
    return settle(withOne: true)
  }

  /// Does one thing: mostly a worker's turn.
  func step() {
    tick()
    bury()
    switch dice.roll(0...99) {
    case 0..<14: load.reveal(dice.roll(1...8), in: dice.roll(0...(scenario.partitions - 1)))
    case 14..<18: if workers.count < scenario.workers + 1 { startWorker() }
    case 18: if strikes(.crash), let one = dice.pick(resting) { kill(one.life) }
    case 19: stopOne()
    case 20..<24: clock.advance(ms: dice.roll(100...3_000))
    case 24: disturb()
    default:
      if let one = dice.pick(resting) { one.turn() } else { clock.advance(ms: 500) }
    }
    bury()
    if workers.isEmpty { startWorker() }
  }

  private var resting: [any Working] { workers.filter { !$0.life.isBusy && !$0.life.isDead } }

  private func bury() { workers.removeAll { $0.life.isDead && !$0.life.isBusy } }

  private func stopOne() {
    guard let one = dice.pick(resting) else { return }
    note(one.life, "is asked to stop")
    trace.count("stopped")
    one.life.isAskedToStop.set()
  }

  /// Something happens to the broker or to the store.
  private func disturb() {
    switch dice.roll(0...4) {
    case 0: outages[.kafka] = nowMs + Int64(dice.roll(100...5_000))
    case 1: outages[.sessions] = nowMs + Int64(dice.roll(100...5_000))
    case 2:
      // Producers wait for a leader, while the group goes on.
      queuesFullUntilMs = nowMs + Int64(dice.roll(100...20_000))
      note(nil, "queues are full until \(queuesFullUntilMs)")
    case 3:
      trace.count("failovers")
      let lost = dice.roll(0...16)
      store.failOver(losing: lost)
      note(nil, "the store fails over, \(lost) writes behind")
    default:
      if !dice.chance(0.4) { return }
      trace.count("emptied")
      store.restartEmpty()
      note(nil, "the store starts again with nothing")
    }
  }

  private func settle(withOne: Bool = false) -> Bool {
    var quiet = 0
    for round in 0..<1_500 {
      tick()
      bury()
      if workers.isEmpty { startWorker() }
      // A commit that was lost is made up for by the next, or when the partition goes.
      if !withOne, round % 300 == 299 {
        for worker in workers { worker.life.isAskedToStop.set() }
      }
      for worker in workers where !worker.life.isDead { worker.turn() }
      clock.advance(ms: 100)
      quiet = isDone(withOne: withOne) ? quiet + 1 : 0
      if quiet == 3 { return true }
    }
    return false
  }

  private func isDone(withOne: Bool) -> Bool {
    let all = workers.reduce(0) { $0 + $1.partitions }
    let isWhole = all == scenario.partitions && workers.allSatisfy(\.isIdle)
    if withOne, workers.contains(where: { $0.life.isAskedToStop.isSet }) { return false }
    return isWhole && broker.group.committed.filter { $0.value > 0 } == load.ends
      && !broker.hasOpenTransactions
  }
}
