import Redis
import Sessions

/// The connection, when there is one, and the scripts its server was given.
struct RedisLine: ~Copyable {
  /// What a call asks for.
  enum Request: Sendable { case fold, claim, mark }

  private let settings: RedisSettings
  private var connection: Connection?
  private var fold = Script(RedisSessionScript.source)
  private var claim = Script(RedisFence.claim)
  private var mark = Script(RedisFence.mark)

  init(_ settings: RedisSettings) { self.settings = settings }

  /// Runs calls, all in one round trip.
  ///
  /// - Throws: What `refusal` makes of the replies, or why there are none.
  mutating func run(
    _ request: Request,
    _ calls: [Script.Call],
    refusal: ([Reply]) -> SessionFailure?
  ) throws(SessionFailure) -> [Reply] {
    try use { (connection, line) throws(SessionFailure) in
      let replies: [Reply]
      do throws(RedisFailure) {
        switch request {
        case .fold: replies = try line.fold.run(calls, on: &connection)
        case .claim: replies = try line.claim.run(calls, on: &connection)
        case .mark: replies = try line.mark.run(calls, on: &connection)
        }
      } catch {
        throw SessionFailure(error)
      }
      if let refusal = refusal(replies) { throw refusal }
      return replies
    }
  }

  /// Sees the server answer.
  mutating func ping() throws(SessionFailure) {
    try use { (connection, _) throws(SessionFailure) in
      do throws(RedisFailure) { _ = try connection.command(["PING"]) } catch {
        throw SessionFailure(error)
      }
    }
  }

  /// Runs `body` on the connection at hand, or on a new one if there is none or it proves broken.
  ///
  /// A connection over which anything failed is not kept: after a failover it leads to the wrong
  /// server.
  private mutating func use<Result>(
    _ body: (inout Connection, inout RedisLine) throws(SessionFailure) -> Result
  ) throws(SessionFailure) -> Result {
    if var held = connection.take() {
      do throws(SessionFailure) {
        let result = try body(&held, &self)
        connection = consume held
        return result
      } catch {
        if held.isAlive { throw error }
      }
    }
    var fresh: Connection
    do throws(RedisFailure) { fresh = try Connection(settings) } catch {
      throw SessionFailure(error)
    }
    let result = try body(&fresh, &self)
    connection = consume fresh
    return result
  }
}

extension SessionFailure {
  init(_ failure: RedisFailure) {
    self.init(remedy: failure.remedy == .retry ? .retry : .stop, reason: failure.reason)
  }
}
