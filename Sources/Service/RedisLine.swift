import Redis
import Sessions

/// The scripts, and the server or the cluster that runs them.
struct RedisLine: ~Copyable {
  /// What a call asks for.
  enum Request: Sendable { case fold, claim, mark }

  private var place: RedisPlace
  private var fold = Script(RedisSessionScript.source)
  private var claim = Script(RedisFence.claim)
  private var mark = Script(RedisFence.mark)

  init(_ settings: RedisSettings) { place = RedisPlace(settings) }

  /// Runs calls, all in one round trip.
  ///
  /// - Throws: What `refusal` makes of the replies, or why there are none.
  mutating func run(
    _ request: Request,
    _ calls: [Script.Call],
    refusal: ([Reply]) -> SessionFailure?
  ) throws(SessionFailure) -> [Reply] {
    let replies: [Reply]
    do throws(RedisFailure) {
      switch request {
      case .fold: replies = try place.run(&fold, calls)
      case .claim: replies = try place.run(&claim, calls)
      case .mark: replies = try place.run(&mark, calls)
      }
    } catch {
      throw SessionFailure(error)
    }
    if let refusal = refusal(replies) {
      place.distrust()
      throw refusal
    }
    return replies
  }

  /// Sees all nodes answer, and counts them.
  mutating func ping() throws(SessionFailure) -> Int {
    do throws(RedisFailure) { return try place.ping() } catch { throw SessionFailure(error) }
  }
}

/// A server by itself, and the connection to it when there is one; or a cluster.
private struct RedisPlace: ~Copyable {
  private let settings: RedisSettings
  private var connection: Connection?
  private var cluster: Cluster

  init(_ settings: RedisSettings) {
    self.settings = settings
    cluster = Cluster(settings)
  }

  private var isCluster: Bool { !settings.cluster.isEmpty }

  mutating func run(
    _ script: inout Script,
    _ calls: [Script.Call]
  ) throws(RedisFailure) -> [Reply] {
    if isCluster { return try cluster.run(&script, calls) }
    return try use { connection throws(RedisFailure) in try script.run(calls, on: &connection) }
  }

  mutating func ping() throws(RedisFailure) -> Int {
    if isCluster { return try cluster.ping() }
    return try use { connection throws(RedisFailure) in
      _ = try connection.command(["PING"])
      return 1
    }
  }

  /// Keeps no connection over which anything was refused: after a failover it leads to the wrong
  /// server.
  mutating func distrust() {
    connection = nil
    cluster.distrust()
  }

  /// Runs `body` on the connection at hand, or on a new one if there is none or it proves broken.
  private mutating func use<Result>(
    _ body: (inout Connection) throws(RedisFailure) -> Result
  ) throws(RedisFailure) -> Result {
    if var held = connection.take() {
      do throws(RedisFailure) {
        let result = try body(&held)
        connection = consume held
        return result
      } catch {
        if held.isAlive { throw error }
      }
    }
    var fresh = try Connection(settings)
    let result = try body(&fresh)
    connection = consume fresh
    return result
  }
}

extension SessionFailure {
  init(_ failure: RedisFailure) {
    self.init(remedy: failure.remedy == .retry ? .retry : .stop, reason: failure.reason)
  }
}
