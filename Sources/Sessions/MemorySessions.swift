package import Events
internal import Synchronization

/// Sessions in this process, for a demonstration, a replay and the tests.
///
/// They end with the process; the next one folds them again from what the topic still keeps. Memory
/// is bounded by the users active within one and a quarter times the time to live, twice that in a
/// replay.
package final class MemorySessions: SessionStore, Sendable {
  private struct Held {
    var session = Session()
    var touchedMs: Int64
  }

  /// Who may write from a partition, and how far they have come.
  private struct Fence {
    /// Grows with every claim.
    var epoch = 0
    var member: Membership
    var mark: Int64?
  }

  private struct State {
    /// By bytes: two spellings of one character are two users, as they are to Kafka and Redis.
    var users: [[UInt8]: Held] = [:]
    var fences: [Partition: Fence] = [:]
    var sweptMs: Int64
  }

  /// What is shared by the stores of several pipelines.
  private final class Table: Sendable {
    let state: Mutex<State>
    init(sweptMs: Int64) { state = Mutex(State(sweptMs: sweptMs)) }
  }

  private let limits: SessionLimits
  /// `nil`: a session ages by its own clicks' times.
  private let nowMs: (@Sendable () -> Int64)?
  private let table: Table
  /// The epochs of our claims.
  private let claims = Mutex<[Partition: Int]>([:])

  /// A store without users.
  ///
  /// - Parameters:
  ///   - limits: The bounds of every session.
  ///   - nowMs: The clock that sessions age by, in milliseconds.
  package init(limits: SessionLimits, nowMs: @escaping @Sendable () -> Int64) {
    self.limits = limits
    self.nowMs = nowMs
    table = Table(sweptMs: nowMs())
  }

  /// A store for a replay: a session ages by the times of its user's own clicks, so that it is the
  /// same however fast they come, and with whoever else's.
  package init(agingByEvents limits: SessionLimits) {
    self.limits = limits
    nowMs = nil
    table = Table(sweptMs: 0)
  }

  /// A store of the same sessions for another pipeline, with claims of its own.
  package init(sharing other: MemorySessions) {
    limits = other.limits
    nowMs = other.nowMs
    table = other.table
  }

  /// Users held, those not yet swept included.
  package var userCount: Int { table.state.withLock { $0.users.count } }

  package func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) throws(SessionFailure) -> [Partition: Int64] {
    try table.state.withLock { (state) throws(SessionFailure) in
      var marks: [Partition: Int64] = [:]
      for partition in partitions {
        var fence = state.fences[partition] ?? Fence(member: member)
        let isPassed =
          fence.member.group == member.group && fence.member.generation > member.generation
        if isPassed, !afresh.contains(partition) {
          throw SessionFailure(
            remedy: .claim,
            reason: "\(partition) was claimed in generation \(fence.member.generation) of the "
              + "group, which is after ours, \(member.generation)"
          )
        }
        fence.epoch += 1
        fence.member = member
        state.fences[partition] = fence
        marks[partition] = fence.mark
        claims.withLock { $0[partition] = fence.epoch }
      }
      return marks
    }
  }

  package func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]] {
    let nowMs = nowMs?()
    return try table.state.withLock { (state) throws(SessionFailure) in
      for one in batch { for change in one.changes { try check(change.position.home, state) } }
      // In a replay so late that clicks of others may come a whole time to live out of order.
      let sweepMs =
        nowMs
        ?? batch.lazy.flatMap(\.changes).compactMap(\.timestampMs).min()
        .map { $0 - limits.timeToLiveMs }
      sweep(&state, sweepMs)
      return batch.map { one in
        let user = Array(one.user.utf8)
        let views = fold(one.changes, into: &state.users[user], nowMs)
        if state.users[user]?.session.isEmpty == true { state.users[user] = nil }
        return views
      }
    }
  }

  /// Lets go of users whose time is over, now and then.
  private func sweep(_ state: inout State, _ nowMs: Int64?) {
    guard let nowMs, nowMs &- state.sweptMs >= max(limits.timeToLiveMs / 4, 1) else { return }
    state.users = state.users.filter { !isOver($0.value, nowMs) }
    state.sweptMs = nowMs
  }

  package func mark(_ next: [Position]) throws(SessionFailure) {
    try table.state.withLock { (state) throws(SessionFailure) in
      for position in next { try check(position.home, state) }
      for position in next { state.fences[position.home]?.mark = position.offset }
    }
  }

  private func check(_ partition: Partition, _ state: State) throws(SessionFailure) {
    let ours = claims.withLock { $0[partition] }
    if let ours, state.fences[partition]?.epoch == ours { return }
    throw SessionFailure(
      remedy: .claim,
      reason: ours == nil
        ? "\(partition) is not claimed" : "somebody else has claimed \(partition) since"
    )
  }

  private func fold(
    _ changes: [SessionChange],
    into kept: inout Held?,
    _ nowMs: Int64?
  ) -> [SessionView] {
    changes.map { change in
      // Time does not go back for a click that comes late.
      let touchedMs = kept?.touchedMs ?? .min
      let now = nowMs ?? max(touchedMs, change.timestampMs ?? touchedMs)
      var held = kept ?? Held(touchedMs: now)
      kept = nil
      if isOver(held, now) { held = Held(touchedMs: now) }
      let view = held.session.fold(change, limits: limits)
      if view.outcome != .redelivered { held.touchedMs = now }
      kept = held
      return view
    }
  }

  private func isOver(_ held: Held, _ now: Int64) -> Bool {
    now &- held.touchedMs >= limits.timeToLiveMs
  }
}

extension SessionChange {
  /// When it happened, where it says so.
  fileprivate var timestampMs: Int64? {
    guard case .click(_, let timestampMs, _) = kind else { return nil }
    return Session.clamped(timestampMs)
  }
}
