import Synchronization

/// Sessions in this process, for a demonstration, a replay and the tests.
///
/// They end with the process, and with them what a restart would need to recognise a record it has
/// seen: exactly-once output across restarts wants a store that outlives the worker. Memory is
/// bounded by the users active within one and a quarter times the time to live.
package final class MemorySessions: SessionStore, Sendable {
  private struct Held {
    var session = Session()
    var touchedMs: Int64
  }

  private struct State {
    /// By bytes: two spellings of one character are two users, as they are to Kafka and Redis.
    var users: [[UInt8]: Held] = [:]
    var sweptMs: Int64
  }

  private let limits: SessionLimits
  private let nowMs: @Sendable () -> Int64
  private let state: Mutex<State>

  /// A store without users.
  ///
  /// - Parameters:
  ///   - limits: The bounds of every session.
  ///   - nowMs: The clock that sessions age by, in milliseconds: the wall's, or in a replay the
  ///     events' own.
  package init(limits: SessionLimits, nowMs: @escaping @Sendable () -> Int64) {
    self.limits = limits
    self.nowMs = nowMs
    state = Mutex(State(sweptMs: nowMs()))
  }

  /// Users held, those not yet swept included.
  package var userCount: Int { state.withLock { $0.users.count } }

  package func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]] {
    let now = nowMs()
    return state.withLock { state in
      if now &- state.sweptMs >= max(limits.timeToLiveMs / 4, 1) {
        state.users = state.users.filter { !isOver($0.value, now) }
        state.sweptMs = now
      }
      return batch.map { one in
        let user = Array(one.user.utf8)
        let views = fold(
          one.changes,
          into: &state.users[user, default: Held(touchedMs: now)],
          now
        )
        if state.users[user]?.session.isEmpty == true { state.users[user] = nil }
        return views
      }
    }
  }

  private func fold(
    _ changes: [SessionChange],
    into held: inout Held,
    _ now: Int64
  ) -> [SessionView] {
    if isOver(held, now) { held = Held(touchedMs: now) }
    let views = changes.map { held.session.fold($0, limits: limits) }
    if views.contains(where: { $0.outcome != .redelivered }) { held.touchedMs = now }
    return views
  }

  private func isOver(_ held: Held, _ now: Int64) -> Bool {
    now &- held.touchedMs >= limits.timeToLiveMs
  }
}
