import Redis
import Sessions

/// The scripts, and the server or the cluster that runs them.
struct RedisLine: ~Copyable {
  /// What a call asks for.
  enum Request: Sendable { case fold, claim, mark, exchange, offer }

  private var place: RedisPlace
  private var fold = Script(RedisSessionScript.source)
  private var claim = Script(RedisFence.claim)
  private var mark = Script(RedisFence.mark)
  private var exchange = Script(RedisLessonScript.exchange)
  private var offer = Script(RedisLessonScript.offer)

  init(_ settings: RedisSettings) { place = RedisPlace(settings) }

  /// Grows with every new connection.
  ///
  /// What a server has lost while none led to it cannot be seen in
  /// what it says of the rest, so claims are of the connection they were made over.
  var life: Int { place.life }

  /// Runs calls, all in one round trip; what wants a claim runs in the `life` of that claim only.
  ///
  /// - Throws: What `refusal` makes of the replies, or why there are none; `claim` in another life.
  mutating func run(
    _ request: Request,
    _ calls: [Script.Call],
    inLife life: Int?,
    refusal: ([Reply]) -> SessionFailure?
  ) throws(SessionFailure) -> [Reply] {
    let answer: [Reply]?
    do throws(RedisFailure) {
      switch request {
      case .fold: answer = try place.run(&fold, calls, inLife: life)
      case .claim: answer = try place.run(&claim, calls, inLife: life)
      case .mark: answer = try place.run(&mark, calls, inLife: life)
      case .exchange: answer = try place.run(&exchange, calls, inLife: life)
      case .offer: answer = try place.run(&offer, calls, inLife: life)
      }
    } catch {
      throw SessionFailure(error)
    }
    guard let replies = answer else {
      throw SessionFailure(
        remedy: .claim,
        reason: "Redis was connected to anew: what it may have lost meanwhile is folded again"
      )
    }
    if let refusal = refusal(replies) {
      if replies.contains(where: Self.isMisplaced) { place.distrust() }
      throw refusal
    }
    return replies
  }

  /// Whether a server refused for what it is: after a failover a connection leads to the wrong one.
  private static func isMisplaced(_ reply: Reply) -> Bool {
    guard case .error(let message) = reply else { return false }
    let harmless = [RedisFence.fenced, RedisFence.taken, "OOM", "TRYAGAIN"]
    return !harmless.contains(RedisFailure.code(of: message))
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
  private var connections = 0

  init(_ settings: RedisSettings) {
    self.settings = settings
    cluster = Cluster(settings)
  }

  private var isCluster: Bool { !settings.cluster.isEmpty }

  var life: Int { isCluster ? cluster.life : connections }

  /// - Returns: A reply per call; `nil` in another life than that.
  mutating func run(
    _ script: inout Script,
    _ calls: [Script.Call],
    inLife life: Int?
  ) throws(RedisFailure) -> [Reply]? {
    guard let life else {
      if isCluster { return try cluster.run(&script, calls) }
      return try use { connection throws(RedisFailure) in try script.run(calls, on: &connection) }
    }
    if isCluster { return try cluster.run(&script, calls, inLife: life) }
    guard life == connections, var held = connection.take() else { return nil }
    let replies = try script.run(calls, on: &held)
    connection = consume held
    return replies
  }

  mutating func ping() throws(RedisFailure) -> Int {
    if isCluster { return try cluster.ping() }
    return try use { connection throws(RedisFailure) in
      _ = try connection.command(["PING"])
      return 1
    }
  }

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
    connections += 1
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
