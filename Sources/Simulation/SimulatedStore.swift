internal import Events
internal import Sessions

/// A worker's way to the session store.
///
/// Its claims last as long as its connection, which a call that is not answered breaks, and a
/// failover too. It then claims anew, in a new epoch, for two reasons. A failover that lost the
/// latest writes may have left the fences as they were, and nothing else tells that sessions are
/// behind. And a request that was given up may arrive when its records were applied again, and
/// their user erased since: without a newer epoch it would bring the user back.
final class SimulatedStore: SessionStore {
  private unowned let world: World
  private let life: Life
  private var incarnation: Int
  private var epochs: [Partition: Int] = [:]
  private var isBroken = false
  private var repeats: Int64 = 0

  init(_ world: World, _ life: Life) {
    self.world = world
    self.life = life
    incarnation = world.store.incarnation
  }

  func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) throws(SessionFailure) -> [Partition: Int64] {
    try world.call(life, .claim, broken) { () throws(SessionFailure) in
      _ = reconnect()
      var marks: [Partition: Int64] = [:]
      for partition in partitions.sorted(by: { $0.number < $1.number }) {
        let (epoch, mark) = try world.store.write { (server) throws(SessionFailure) in
          try server.claim(partition, for: member, isAfresh: afresh.contains(partition))
        }
        epochs[partition] = epoch
        marks[partition] = mark
        world.note(
          life,
          "claims \(partition) in \(member.generation): \(epoch), \(mark ?? -1)"
        )
      }
      return marks
    }
  }

  func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]] {
    try world.call(life, .apply, broken) { () throws(SessionFailure) in
      if world.strikes(.unclaimed) { epochs = [:] }
      let isPartial = world.strikes(.partial)
      let part = isPartial ? world.dice.roll(0...(batch.count - 1)) : batch.count
      var views: [[SessionView]] = []
      try connected()
      if world.strikes(.late) { throw later(batch) }
      for one in batch.prefix(part) {
        for change in one.changes { try check(change.position.home) }
        let limits = world.store.limits
        let one = world.bug == .markNotStored ? withoutMarks(one) : one
        views.append(world.store.write { $0.fold(one, limits) })
        world.note(life, "\(one.user): \(views.last.map(Self.text) ?? "")")
      }
      if isPartial { throw SessionFailure(remedy: .retry, reason: "answered for some") }
      return views
    }
  }

  func mark(_ next: [Position]) throws(SessionFailure) {
    try world.call(life, .mark, broken) { () throws(SessionFailure) in
      try connected()
      for position in next.sorted(by: { $0.partition < $1.partition }) {
        try check(position.home)
        world.store.write { $0.mark(position.home, position.offset) }
        world.note(life, "marks \(position.home) \(position.offset)")
      }
    }
  }

  /// Lets a batch be applied when it was given up, if the partitions are still the same claim's.
  private func later(_ batch: [UserChanges]) -> SessionFailure {
    let (epochs, limits, incarnation) = (epochs, world.store.limits, incarnation)
    world.later { [unowned world] in
      if world.store.incarnation != incarnation { return }
      for one in batch {
        for change in one.changes {
          let home = change.position.home
          if (try? Self.check(home, epochs[home], world)) == nil { return }
        }
        let views = world.store.write { $0.fold(one, limits) }
        world.note(nil, "late, \(one.user): \(Self.text(views))")
      }
    }
    return broken(.late)
  }

  /// Whether the connection was broken, and with it every claim.
  private func reconnect() -> Bool {
    if !isBroken, incarnation == world.store.incarnation { return false }
    isBroken = false
    incarnation = world.store.incarnation
    if world.bug == .reconnectsUnnoticed { return false }
    epochs = [:]
    return true
  }

  private func connected() throws(SessionFailure) {
    if reconnect() {
      throw SessionFailure(remedy: .claim, reason: "the connection is another")
    }
  }

  private func check(_ partition: Partition) throws(SessionFailure) {
    try Self.check(partition, epochs[partition], world)
  }

  private static func check(
    _ partition: Partition,
    _ epoch: Int?,
    _ world: World
  ) throws(SessionFailure) {
    if world.bug == .epochNotChecked, epoch != nil { return }
    try world.store.server.check(partition, epoch)
  }

  /// Changes as a store sees them that forgets which it has seen: those that come again seem to
  /// come from somewhere else.
  private func withoutMarks(_ one: UserChanges) -> UserChanges {
    var one = one
    let session = world.store.server.sessions[one.user] ?? Session()
    for index in one.changes.indices {
      var copy = session
      let view = copy.fold(one.changes[index], limits: world.store.limits)
      if view.outcome != .redelivered { continue }
      repeats += 1
      one.changes[index].position.topic = "again from \(life.number)"
      one.changes[index].position.offset = repeats
    }
    return one
  }

  private static func text(_ views: [SessionView]) -> String {
    views.map { "\($0.outcome.rawValue) \($0.ordinal) \($0.items.joined(separator: "+"))" }
      .joined(separator: ", ")
  }

  private func broken(_ fault: Fault) -> SessionFailure {
    isBroken = true
    return SessionFailure(remedy: fault == .crash ? .stop : .retry, reason: fault.rawValue)
  }
}
