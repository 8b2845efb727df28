package import Events
package import Redis
package import Sessions
import Synchronization

/// Sessions in Redis: one key a user, one script call per user and batch, one round trip per batch.
///
/// The key is `{prefix}:{user}` with braces around the user that are part of it:
/// `dreamstream:{u42}`. Redis Cluster hashes what the first braces hold, so all that is ever kept
/// of a user under such a key shares a slot. What the value holds is told at `RedisSessionScript`.
/// Offsets are exact below 2⁵³.
///
/// One pipeline uses it; another thread may ``ping()``, which waits for the call under way.
package final class RedisSessions: SessionStore, Sendable {
  private let settings: RedisSettings
  private let prefix: String
  private let head: [Argument]
  private let line = Mutex(RedisLine())

  /// A store that connects when it is first used.
  ///
  /// - Parameters:
  ///   - settings: Where the server is, and how long to wait for it.
  ///   - prefix: What every key starts with; braces in it would gather all users in one slot of a
  ///     cluster.
  ///   - limits: The bounds of every session; those of a running store may change at a restart.
  /// - Throws: `stop` when the prefix has braces.
  package init(
    settings: RedisSettings,
    prefix: String,
    limits: SessionLimits
  ) throws(SessionFailure) {
    guard !prefix.contains(where: { $0 == "{" || $0 == "}" }) else {
      throw SessionFailure(remedy: .stop, reason: "the key prefix \"\(prefix)\" contains a brace")
    }
    self.settings = settings
    self.prefix = prefix
    head = RedisSessionScript.head(limits)
  }

  package func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) throws(SessionFailure) -> [Partition: Int64] {
    Dictionary(uniqueKeysWithValues: partitions.map { ($0, .max) })
  }

  package func mark(_ next: [Position]) throws(SessionFailure) {}

  /// Folds a batch, each user's changes atomically.
  ///
  /// A connection that proves broken is replaced once and the batch made again: what was applied
  /// the first time then answers as redelivered. So a call lasts at most a connect timeout and two
  /// command timeouts; waiting before the next one is the caller's.
  ///
  /// - Throws: `retry` when Redis is unreachable, silent, starting, failing over or full; `stop`
  ///   when it refuses for good, or holds under a user's key what is not a session. Other users of
  ///   the batch may then have been folded.
  package func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]] {
    if batch.isEmpty { return [] }
    let calls = batch.map { one in
      Script.Call(
        keys: [.text(key(of: one.user))],
        arguments: RedisSessionScript.arguments(head, one.changes)
      )
    }
    return try withLine { (connection, script) throws(RedisFailure) in
      let replies = try script.run(calls, on: &connection)
      if let refusal = refusal(in: replies, of: batch) { throw refusal }
      return try zip(batch, replies).map { (one, reply) throws(RedisFailure) in
        guard let views = RedisSessionScript.views(reply, count: one.changes.count) else {
          throw RedisFailure(
            remedy: .stop,
            reason: "Redis answered for \(key(of: one.user)) with something else than its session"
          )
        }
        return views
      }
    }
  }

  /// Sees Redis answer, over the connection that ``apply(_:)`` uses.
  package func ping() throws(SessionFailure) {
    try withLine { (connection, _) throws(RedisFailure) in _ = try connection.command(["PING"]) }
  }

  private func key(of user: String) -> String { "\(prefix):{\(user)}" }

  private func withLine<Result: Sendable>(
    _ body: @Sendable (inout Connection, inout Script) throws(RedisFailure) -> Result
  ) throws(SessionFailure) -> Result {
    do throws(RedisFailure) {
      return try line.withLock { (line) throws(RedisFailure) in try line.use(settings, body) }
    } catch {
      throw SessionFailure(remedy: error.remedy == .retry ? .retry : .stop, reason: error.reason)
    }
  }

  /// What was refused: a value that is no session first, since trying again does not cure it.
  private func refusal(in replies: [Reply], of batch: [UserChanges]) -> RedisFailure? {
    var found: RedisFailure?
    for (one, reply) in zip(batch, replies) {
      guard case .error(let message) = reply else { continue }
      let failure = RedisFailure(reply: message)
      if found == nil { found = failure }
      let isForeign = ["WRONGTYPE", RedisSessionScript.corrupt]
        .contains(RedisFailure.code(of: message))
      if isForeign {
        return RedisFailure(
          remedy: .stop,
          reason: "the value of \(key(of: one.user)) in Redis is not a session (\(message)); "
            + "delete the key to start the user afresh, or choose another key prefix"
        )
      }
    }
    return found
  }
}

/// The connection, when there is one, and the script it knows.
private struct RedisLine: ~Copyable {
  private var connection: Connection?
  private var script = Script(RedisSessionScript.source)

  /// Runs `body` on the connection at hand, or on a new one if there is none or it proves broken.
  ///
  /// A connection over which anything failed is not kept: after a failover it leads to the wrong
  /// server.
  mutating func use<Result: Sendable>(
    _ settings: RedisSettings,
    _ body: @Sendable (inout Connection, inout Script) throws(RedisFailure) -> Result
  ) throws(RedisFailure) -> Result {
    if var held = connection.take() {
      do throws(RedisFailure) {
        let result = try body(&held, &script)
        connection = consume held
        return result
      } catch {
        if held.isAlive { throw error }
      }
    }
    var fresh = try Connection(settings)
    let result = try body(&fresh, &script)
    connection = consume fresh
    return result
  }
}
