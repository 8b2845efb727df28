package import Events
package import Redis
package import Sessions
import Synchronization

/// Sessions in Redis: one key a user, one script call per user and batch, one round trip per batch.
///
/// Users are parted in 256 buckets (``RedisBucket``), whose label stands in braces in every key, so
/// that all keys of a bucket share a slot of a cluster. `dreamstream:{17}:u42` is a user's session,
/// told at ``RedisSessionScript``; `dreamstream:{17}` is the bucket's fence, told at
/// ``RedisFence``. Offsets are exact below 2⁵³.
///
/// One pipeline uses it; another thread may ``ping()``, which waits for the call under way.
package final class RedisSessions: SessionStore, Sendable {
  private let prefix: String
  private let head: [Argument]
  private let claims = Mutex(Claims())
  private let line: Mutex<RedisLine>

  /// Our claims, all made in one life of the line to Redis.
  private struct Claims {
    var life = 0
    var byPartition: [Partition: RedisClaim] = [:]
  }

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
    self.prefix = prefix
    head = RedisSessionScript.head(limits)
    line = Mutex(RedisLine(settings))
  }

  /// Claims partitions in the fences of all buckets, in one round trip.
  ///
  /// Claims end with the connection they were made over.
  ///
  /// Where it throws, some buckets may have been claimed. That harms nobody: whoever is shut out
  /// claims again, and the later generation is given what it asks for.
  package func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) throws(SessionFailure) -> [Partition: Int64] {
    if partitions.isEmpty { return [:] }
    claims.withLock { claims in for partition in partitions { claims.byPartition[partition] = nil }
    }
    let partitions = Array(partitions)
    var arguments: [Argument] = [
      .integer(Int64(member.generation)), RedisFence.word(member.group),
      // A claim that a server lost is not made again: something may still show it.
      .integer(Int64(UInt32.random(in: 0...UInt32.max))),
    ]
    for partition in partitions {
      arguments += [RedisFence.source(partition), afresh.contains(partition) ? 1 : 0]
    }
    let (replies, life) = try runInAllBuckets(.claim, inLife: nil) { _ in arguments }

    var made = Array(repeating: RedisClaim(), count: partitions.count)
    for (bucket, reply) in zip(RedisBucket.all, replies) {
      guard case .array(let answers) = reply, answers.count == partitions.count,
        partitions.indices.allSatisfy({ made[$0].read(answers[$0]) })
      else { throw Self.notOurs(bucket.key(prefix), "a fence") }
    }
    let byPartition = Dictionary(uniqueKeysWithValues: zip(partitions, made))
    claims.withLock { claims in
      if claims.life != life { claims = Claims(life: life) }
      claims.byPartition.merge(byPartition) { $1 }
    }
    return byPartition.compactMapValues(\.mark)
  }

  /// Folds a batch, each user's changes atomically.
  ///
  /// A call lasts at most a command timeout; waiting before the next one is the caller's.
  ///
  /// - Throws: `retry` when Redis is unreachable, silent, starting, failing over or full; `claim`
  ///   when a partition is not ours any more, Redis has lost that it is, or the connection it was
  ///   claimed over is gone; `stop` when it refuses for good, another group has claimed, or what is
  ///   under a user's key is no session. Other users of the batch may then have been folded.
  package func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]] {
    if batch.allSatisfy(\.changes.isEmpty) { return batch.map { _ in [] } }
    let claims = claims.withLock { $0 }
    var calls: [Script.Call] = []
    var keys: [String] = []
    calls.reserveCapacity(batch.count)
    for one in batch {
      let bucket = RedisBucket(of: one.user)
      keys.append(bucket.key(prefix, of: one.user))
      let arguments: [Argument]
      do throws(RedisSessionScript.Unclaimed) {
        arguments = try RedisSessionScript.arguments(head, one.changes) { partition in
          claims.byPartition[partition]?.shown[bucket.number]
        }
      } catch {
        throw Self.unclaimed(error.partition)
      }
      calls.append(
        Script.Call(
          keys: [.text(keys[keys.count - 1]), .text(bucket.key(prefix))],
          arguments: arguments
        )
      )
    }
    let (replies, _) = try run(.fold, calls, keys: keys, inLife: claims.life)
    var views: [[SessionView]] = []
    views.reserveCapacity(batch.count)
    for (index, reply) in replies.enumerated() {
      let count = batch[index].changes.count
      guard let ofUser = RedisSessionScript.views(reply, count: count) else {
        throw Self.notOurs(keys[index], "its session")
      }
      views.append(ofUser)
    }
    return views
  }

  /// Sets the marks in the fences of all buckets, in one round trip.
  package func mark(_ next: [Position]) throws(SessionFailure) {
    if next.isEmpty { return }
    let claims = claims.withLock { $0 }
    for position in next where claims.byPartition[position.home] == nil {
      throw Self.unclaimed(position.home)
    }
    _ = try runInAllBuckets(.mark, inLife: claims.life) { bucket in
      next.flatMap { position -> [Argument] in
        guard let claim = claims.byPartition[position.home] else { return [] }
        return [
          RedisFence.source(position.home), claim.shown[bucket.number], .integer(position.offset),
        ]
      }
    }
  }

  /// Sees Redis answer, over the connection that ``apply(_:)`` uses; of a cluster, all nodes that
  /// serve slots.
  ///
  /// - Returns: How many nodes.
  @discardableResult
  package func ping() throws(SessionFailure) -> Int {
    try line.withLock { (line) throws(SessionFailure) in try line.ping() }
  }

  /// The key of a user's session.
  package func key(of user: String) -> String { RedisBucket(of: user).key(prefix, of: user) }

  private func runInAllBuckets(
    _ request: RedisLine.Request,
    inLife life: Int?,
    arguments: (RedisBucket) -> [Argument]
  ) throws(SessionFailure) -> (replies: [Reply], life: Int) {
    let keys = RedisBucket.all.map { $0.key(prefix) }
    let calls = zip(RedisBucket.all, keys).map { bucket, key in
      Script.Call(keys: [.text(key)], arguments: arguments(bucket))
    }
    return try run(request, calls, keys: keys, inLife: life)
  }

  private func run(
    _ request: RedisLine.Request,
    _ calls: [Script.Call],
    keys: [String],
    inLife life: Int?
  ) throws(SessionFailure) -> (replies: [Reply], life: Int) {
    try line.withLock { (line) throws(SessionFailure) in
      let replies = try line.run(request, calls, inLife: life) {
        RedisRefusal.gravest(in: $0, of: keys)
      }
      return (replies, line.life)
    }
  }

  private static func unclaimed(_ partition: Partition) -> SessionFailure {
    SessionFailure(remedy: .claim, reason: "\(partition) is not claimed")
  }

  private static func notOurs(_ key: String, _ what: String) -> SessionFailure {
    SessionFailure(
      remedy: .stop,
      reason: "Redis answered for \(key) with something else than \(what)"
        + "; delete the key to start afresh, or choose another key prefix"
    )
  }
}
