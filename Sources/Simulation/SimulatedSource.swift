internal import Events
internal import Pipeline

/// A member of the consumer group, as `KafkaSource` is one.
///
/// What librdkafka does on its own threads, heartbeats and joining, happens in `background()`; what
/// it tells the application of that happens in `serve()`, inside a poll.
final class SimulatedSource: ClickSource {
  private unowned let world: World
  private let life: Life
  private var enrolment = Enrolment()
  private var held: Set<Int> = []
  private var positions: [Int: Int64] = [:]
  /// Commits on their way, in order.
  private var outbox: [(offsets: [Int: Int64], member: Membership)] = []
  private var polledMs: Int64

  private(set) var assignmentEpoch = 0
  var assignment: Set<Partition> { Set(owned.map(Partition.init)) }
  var arrived: Set<Partition> { Set(held.map(Partition.init)) }
  var membership: Membership {
    Membership(group: "g", generation: enrolment.generation, member: enrolment.name ?? "")
  }
  /// Whether it is a member that waits for nothing.
  var isSettled: Bool { enrolment.state == .settled && held.isEmpty }
  var partitions: Int { owned.count }
  private var owned: Set<Int> { enrolment.owned }

  init(_ world: World, _ life: Life) {
    self.world = world
    self.life = life
    polledMs = world.nowMs
    life.background = { [weak self] in self?.background() }
  }

  func poll(
    max: Int,
    firstWaitMs: Int,
    lingerMs: Int
  ) throws(PipelineFailure) -> [Record] {
    try world.call(life, .poll, PipelineFailure.init) { () throws(PipelineFailure) in
      polledMs = world.nowMs
      serve()
      var records = take(max)
      if !records.isEmpty, !world.isCalm, world.dice.chance(0.05) {
        let epoch = assignmentEpoch
        serve()
        if epoch != assignmentEpoch {
          records = records.filter { assignment.subtracting(arrived).contains($0.position.home) }
        }
      }
      if records.isEmpty { world.clock.advance(ms: firstWaitMs) }
      return records
    }
  }

  func extents(
    of partitions: Set<Partition>
  ) throws(PipelineFailure) -> [Partition: Extent] {
    try world.call(life, .extents, PipelineFailure.init) { () throws(PipelineFailure) in
      guard let committed = world.broker.group.stable(Set(partitions.map { Int($0.number) })) else {
        world.trace.count("offsets awaited")
        throw PipelineFailure(remedy: .retry, dependency: .kafka, reason: "offsets are not stable")
      }
      let extents = partitions.map {
        ($0, Extent(committed: committed[Int($0.number)], first: 0))
      }
      return Dictionary(uniqueKeysWithValues: extents)
    }
  }

  func admit(_ starts: [Partition: Int64?]) throws(PipelineFailure) {
    try world.call(life, .admit, PipelineFailure.init) { () throws(PipelineFailure) in
      if world.strikes(.unsent) {
        throw PipelineFailure(remedy: .retry, dependency: .kafka, reason: "just assigned")
      }
      for (partition, start) in starts {
        let number = Int(partition.number)
        if !owned.contains(number) { continue }
        held.remove(number)
        positions[number] = start ?? world.broker.group.committed[number] ?? 0
      }
    }
  }

  func holdBack(_ partitions: Set<Partition>) throws(PipelineFailure) {
    try world.call(life, .holdBack, PipelineFailure.init) { () throws(PipelineFailure) in
      held.formUnion(owned.intersection(partitions.map { Int($0.number) }))
    }
  }

  func stayAlive(ms: Int) throws(PipelineFailure) {
    try world.call(life, .stayAlive, PipelineFailure.init) { () throws(PipelineFailure) in
      let untilMs = world.nowMs + Int64(ms)
      repeat {
        world.clock.advance(ms: min(Int(untilMs - world.nowMs), 200))
        world.tick()
        polledMs = world.nowMs
        serve()
      } while world.nowMs < untilMs
    }
  }

  func rewind(to first: [Position]) throws(PipelineFailure) {
    try world.call(life, .rewind, PipelineFailure.init) { () throws(PipelineFailure) in
      for position in first where owned.contains(Int(position.partition)) {
        positions[Int(position.partition)] = position.offset
      }
    }
  }

  func commit(next: [Position]) throws(PipelineFailure) {
    try world.call(life, .sendOffsets, PipelineFailure.init) { () throws(PipelineFailure) in
      let offsets = Dictionary(uniqueKeysWithValues: next.map { (Int($0.partition), $0.offset) })
      outbox.append((offsets, membership))
      if world.strikes(.late) { throw PipelineFailure(.late) }
      if deliver() != .fine {
        throw PipelineFailure(remedy: .again, dependency: .kafka, reason: "not ours any more")
      }
    }
  }

  /// Leaves the group.
  func close() {
    if let name = enrolment.name, world.isReachable(.kafka) {
      world.broker.withGroup { $0.leave(name, nowMs: world.nowMs) }
    }
    life.isDead = true
    world.note(life, "left")
  }
}

// MARK: The group

extension SimulatedSource {
  private func background() {
    if !world.isReachable(.kafka) { return }
    deliver()
    guard let name = enrolment.name else { return }
    let nowMs = world.nowMs
    switch enrolment.state {
    case .out, .lost: return
    case .joining:
      let reply = world.broker.withGroup { $0.sync(name, nowMs: nowMs) }
      enrolment.synced(reply.answer, reply.generation, reply.assigned)
    case .given, .settled, .called:
      if nowMs - polledMs > Scenario.maxPollIntervalMs {
        world.broker.withGroup { $0.leave(name, nowMs: nowMs) }
        enrolment.lose()
      } else {
        let generation = enrolment.generation
        enrolment.heard(world.broker.withGroup { $0.heartbeat(name, generation, nowMs: nowMs) })
      }
    }
    if enrolment.state == .lost { noteLoss() }
  }

  private func lose() {
    enrolment.lose()
    noteLoss()
  }

  private func noteLoss() {
    world.trace.count("expelled")
    world.note(life, "is no member any more")
  }

  /// Tells the application of partitions that come and go.
  private func serve() {
    background()
    for action in enrolment.serve(isCooperative: world.scenario.isCooperative) {
      switch action {
      case .revoke(let gone, let isLost): revoked(gone, isLost: isLost)
      case .assign(let added): assigned(added)
      case .join: join()
      }
    }
  }

  private func join() {
    if !world.isReachable(.kafka) { return }
    let (nowMs, name, owned) = (world.nowMs, enrolment.name, owned)
    let given = world.broker.withGroup { $0.join(name, owned: owned, nowMs: nowMs) }
    if let given { enrolment.joined(as: given) } else { lose() }
  }

  private func assigned(_ added: Set<Int>) {
    world.note(life, "given \(added.sorted()) in \(enrolment.generation)")
    world.trace.count("assigned", added.count)
    assignmentEpoch += 1
    held.formUnion(added)
    for number in added { positions[number] = nil }
  }

  private func revoked(_ gone: Set<Int>, isLost: Bool) {
    world.note(life, "\(isLost ? "loses" : "gives up") \(gone.sorted())")
    if isLost { outbox = [] }
    assignmentEpoch += 1
    held.subtract(gone)
  }

  /// Brings commits to the group, in order.
  ///
  /// - Returns: What it says to the last of them.
  @discardableResult
  private func deliver() -> Group.Answer {
    var answer = Group.Answer.fine
    for (offsets, member) in outbox {
      answer = world.broker.withGroup { $0.commit(offsets, by: member) }
      world.note(life, "commits \(offsets.sorted { $0.key < $1.key }): \(answer)")
    }
    outbox = []
    return answer
  }

  private func take(_ max: Int) -> [Record] {
    var ready = owned.subtracting(held).sorted()
    var taken: [Record] = []
    let most = world.dice.roll(1...max)
    while taken.count < most, let number = world.dice.pick(ready) {
      let some = world.load.read(
        number,
        from: positions[number] ?? 0,
        max: world.dice.roll(1...(most - taken.count))
      )
      guard let last = some.last else {
        ready.removeAll { $0 == number }
        continue
      }
      taken += some
      positions[number] = last.position.offset + 1
    }
    if !taken.isEmpty { world.note(life, "takes \(taken.map(\.position).map(\.text))") }
    return taken
  }
}

extension Partition {
  /// A partition of the topic of clicks.
  fileprivate init(_ number: Int) { self.init(topic: Scenario.topic, number: Int32(number)) }
}

extension Position {
  fileprivate var text: String { "\(partition)@\(offset)" }
}
