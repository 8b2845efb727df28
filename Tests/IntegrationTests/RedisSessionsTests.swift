import Events
import Foundation
import Redis
import Service
import Sessions
import TestSupport
import Testing

/// Stores in a real server, each under a prefix of its own.
private struct RedisWorld: SessionWorld {
  let server: RedisServer

  func makeStore(_ limits: SessionLimits) throws -> any SessionStore { try makePair(limits).0 }

  func makePair(_ limits: SessionLimits) throws -> (any SessionStore, any SessionStore) {
    let prefix = "test-\(UUID().uuidString)"
    func make() throws -> RedisSessions {
      try RedisSessions(settings: server.settings, prefix: prefix, limits: limits)
    }
    return (try make(), try make())
  }

  func letPass(milliseconds: Int) { Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000) }
}

extension RedisServer {
  var settings: RedisSettings {
    RedisSettings(
      address: .unix(path: socketPath),
      connectTimeoutMs: 1_000,
      commandTimeoutMs: 2_000
    )
  }

  func sessions(prefix: String = "s") throws -> RedisSessions {
    try RedisSessions(settings: settings, prefix: prefix, limits: SessionConformance.limits)
  }
}

@Suite("Redis sessions", .timeLimit(.minutes(2)))
struct RedisSessionsTests {
  @Test("a store in Redis keeps the promise", arguments: SessionConformance.all)
  func conforms(promise: SessionConformance) throws {
    try promise(in: RedisWorld(server: try .shared))
  }

  @Test("Redis and memory answer random deliveries alike", arguments: 1...12 as ClosedRange<UInt64>)
  func alike(seed: UInt64) throws {
    var limits = SessionConformance.limits
    limits.slack = [0, 1, 4, 16][Int(seed % 4)]
    limits.maxLength = [1, 3, 8][Int(seed % 3)]
    var inRedis = try RedisWorld(server: try .shared).makeStore(limits)
    var inMemory: any SessionStore = MemorySessions(limits: limits) { 0 }
    var (clicks, again) = (RandomClicks(seed: seed), RandomClicks(seed: seed))
    let (views, repeated) = try clicks.deliver(500, to: &inRedis, limits: limits)
    #expect(try again.deliver(500, to: &inMemory, limits: limits).views == views)
    #expect(repeated > 10)
  }

  @Test("a session stored by other limits is read by these")
  func limits() throws {
    let prefix = "limits-\(UUID().uuidString)"
    var session = Session()
    for offset in 1...120 as ClosedRange<Int64> {
      var limits = SessionConformance.limits
      limits.maxLength = [3, 8, 1, 5, 2][Int(offset / 7 % 5)]
      limits.slack = [4, 0, 9][Int(offset / 5 % 3)]
      var store = try RedisSessions(
        settings: try RedisServer.shared.settings,
        prefix: prefix,
        limits: limits
      )
      let change = SessionChange.click("i\(offset)", at: offset * 37 % 11 * 100, offset)
      #expect(try store.fold(change) == [session.fold(change, limits: limits)])
    }
  }

  @Test("the key holds the user's bucket in braces, ages, and is gone once erased")
  func key() throws {
    let server = try RedisServer.shared
    var sessions = try server.sessions(prefix: "key")
    var redis = try Connection(server.settings)
    // Keys outlive a version of this program.
    #expect(sessions.key(of: "u1") == "key:{19}:u1")
    #expect(sessions.key(of: "ключ") == "key:{177}:ключ")
    _ = try sessions.fold(.click("a", at: 1, 1), of: "u1")
    guard case .integer(let age) = try redis.command(["PTTL", "key:{19}:u1"]) else {
      Issue.record("no time to live")
      return
    }
    #expect(3_590_000...3_600_000 ~= age)
    _ = try sessions.fold(.erase(2), of: "u1")
    #expect(try redis.command(["KEYS", "key:*:*"]) == .array([]))
  }

  @Test("a prefix with braces is refused", arguments: ["a{b", "a}", "{}"])
  func braces(prefix: String) throws {
    #expect(throws: SessionFailure.self) { _ = try RedisServer.shared.sessions(prefix: prefix) }
  }

  @Test(
    "a value that is not a session stops, and names the key",
    arguments: [
      "", "x", "\u{92}\u{1}", "\u{97}\u{2}\u{0}\u{0}\u{90}\u{A0}\u{0}\u{90}",
      "\u{97}\u{1}\u{0}\u{0}\u{91}\u{1}\u{A0}\u{0}\u{90}",
      "\u{97}\u{1}\u{0}\u{0}\u{90}\u{A0}\u{5}\u{90}",
    ].map { $0.unicodeScalars.map { UInt8($0.value) } }
  )
  func corrupt(value: [UInt8]) throws {
    let server = try RedisServer.shared
    let prefix = "corrupt-\(UUID().uuidString)"
    var sessions = try server.sessions(prefix: prefix)
    var redis = try Connection(server.settings)
    let key = sessions.key(of: "u")
    _ = try redis.command(["SET", .text(key), .bytes(value)])
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.fold(.click("a", at: 1, 1))
    }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("\(key) in Redis is not a session") == true)
    #expect(try redis.command(["GET", .text(key)]) == .bytes(value))
  }

  @Test("a session that is cut short stops, and is left as it is")
  func cut() throws {
    let server = try RedisServer.shared
    var sessions = try server.sessions(prefix: "cut-\(UUID().uuidString)")
    var redis = try Connection(server.settings)
    for i in 1...9 { _ = try sessions.fold(.click("item \(i)", at: Int64(i), Int64(i))) }
    let key = Argument.text(sessions.key(of: "u"))
    guard case .bytes(let whole) = try redis.command(["GET", key]) else { return }
    for count in 0..<whole.count {
      let value = Array(whole[..<count])
      _ = try redis.command(["SET", key, .bytes(value)])
      #expect(throws: SessionFailure.self) { try sessions.fold(.click("late", at: 10, 10)) }
      #expect(try redis.command(["GET", key]) == .bytes(value))
    }
    _ = try redis.command(["SET", key, .bytes(whole)])
    #expect(try sessions.fold(.click("j", at: 10, 10)).map(\.ordinal) == [10])
  }

  @Test("a key of another type stops, and the others of the batch are folded")
  func foreign() throws {
    let server = try RedisServer.shared
    var sessions = try server.sessions(prefix: "foreign")
    var redis = try Connection(server.settings)
    _ = try redis.command(["RPUSH", .text(sessions.key(of: "b")), "x"])
    let batch = ["a", "b", "c"].map { UserChanges(user: $0, changes: [.click("i", at: 1, 1)]) }
    let failure = #expect(throws: SessionFailure.self) { _ = try sessions.claimAndApply(batch) }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains(sessions.key(of: "b")) == true)
    #expect(short(try sessions.fold(.click("i", at: 1, 1), of: "c")) == ["redelivered 1 i"])
    #expect(short(try sessions.fold(.click("j", at: 1, 2), of: "c")) == ["applied 2 i j"])
  }
}

@Suite("Redis sessions under faults", .ownThread, .timeLimit(.minutes(1)))
struct RedisSessionsFaultTests {
  @Test("claims and clicks go on after a restart between them, the script's loss included")
  func restart() throws {
    let server = try RedisServer(appendOnly: true)
    var sessions = try server.sessions()
    #expect(short(try sessions.fold(.click("a", at: 1, 1))) == ["applied 1 a"])
    try server.restart()
    // The connection that broke is worth a retry, and that a claim.
    #expect(throws: SessionFailure.self) { try sessions.fold(.click("a", at: 1, 1)) }
    #expect(
      short(try sessions.fold(.click("a", at: 1, 1), .click("b", at: 2, 2)))
        == ["redelivered 1 a", "applied 2 a b"]
    )
  }

  @Test("no server is worth a retry, and the next call finds it again")
  func killed() throws {
    let server = try RedisServer()
    var sessions = try server.sessions()
    try sessions.ping()
    server.kill()
    for _ in 1...2 {
      let failure = #expect(throws: SessionFailure.self) {
        _ = try sessions.fold(.click("a", at: 1, 1))
      }
      #expect(failure?.remedy == .retry)
      #expect(throws: SessionFailure.self) { try sessions.ping() }
    }
    try server.restart()
    #expect(short(try sessions.fold(.click("a", at: 1, 1))) == ["applied 1 a"])
    try sessions.ping()
  }

  @Test("a silent server is worth a retry, and what it did in silence is not done twice")
  func paused() throws {
    let server = try RedisServer()
    var settings = server.settings
    settings.commandTimeoutMs = 100
    settings.connectTimeoutMs = 100
    var sessions = try RedisSessions(
      settings: settings,
      prefix: "s",
      limits: SessionConformance.limits
    )
    // On a busy machine no answer comes in time at times.
    func answered<Answer>(_ ask: () throws -> Answer) throws -> Answer {
      for _ in 0..<100 {
        do { return try ask() } catch let failure as SessionFailure {
          if failure.remedy != .retry { throw failure }
        }
      }
      return try ask()
    }
    _ = try answered { try sessions.fold(.click("a", at: 1, 1)) }
    server.pause()
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.apply([UserChanges(user: "u", changes: [.click("b", at: 2, 2)])])
    }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("no answer in time") == true)
    server.resume()
    // The command that was sent in vain runs now, before this one.
    let views = try answered { try sessions.fold(.click("b", at: 2, 2)) }
    #expect(short(views) == ["redelivered 2 a b"])
  }

  @Test("a server without memory is worth a retry, and leaves no half of a batch")
  func full() throws {
    let server = try RedisServer()
    var sessions = try server.sessions()
    _ = try sessions.fold(.click("a", at: 1, 1))
    var redis = try Connection(server.settings)
    _ = try redis.command(["CONFIG", "SET", "maxmemory", "1"])
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.apply([UserChanges(user: "u", changes: [.click("b", at: 2, 2)])])
    }
    #expect(failure?.remedy == .retry)
    // A user whose value is no session stops the batch all the same.
    _ = try redis.command(["CONFIG", "SET", "maxmemory", "0"])
    _ = try redis.command(["RPUSH", .text(sessions.key(of: "v")), "x"])
    _ = try redis.command(["CONFIG", "SET", "maxmemory", "1"])
    let both = ["u", "v"].map { UserChanges(user: $0, changes: [.click("b", at: 2, 2)]) }
    let graver = #expect(throws: SessionFailure.self) { _ = try sessions.apply(both) }
    #expect(graver?.remedy == .stop)
    _ = try redis.command(["CONFIG", "SET", "maxmemory", "0"])
    #expect(short(try sessions.fold(.click("b", at: 2, 2))) == ["applied 2 a b"])
  }

  @Test("a server that still loads its data is worth a retry")
  func loading() throws {
    let server = try RedisServer(appendOnly: true)
    var sessions = try server.sessions()
    _ = try sessions.fold(.click("a", at: 1, 1))
    var redis = try Connection(server.settings)
    _ = try redis.command([
      "EVAL", "for i = 1, 5000 do redis.call('SET', 'k' .. i, string.rep('x', 1000)) end", 0,
    ])
    // Half a millisecond a key.
    try server.restart(["--key-load-delay", "500"], isReady: false)
    #expect(throws: SessionFailure.self) { try sessions.fold(.click("b", at: 2, 2)) }
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.fold(.click("b", at: 2, 2))
    }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("LOADING") == true)
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      if (try? sessions.ping()) != nil { break }
    }
    #expect(short(try sessions.fold(.click("b", at: 2, 2))) == ["applied 2 a b"])
  }

  @Test("a server that has become a replica is worth a retry, until it leads again")
  func replica() throws {
    let server = try RedisServer()
    var sessions = try server.sessions()
    _ = try sessions.fold(.click("a", at: 1, 1))
    var redis = try Connection(server.settings)
    _ = try redis.command(["REPLICAOF", "127.0.0.1", "1"])
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.fold(.click("b", at: 2, 2))
    }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("READONLY") == true)
    _ = try redis.command(["REPLICAOF", "NO", "ONE"])
    #expect(short(try sessions.fold(.click("b", at: 2, 2))) == ["applied 2 a b"])
  }

  @Test("scripts that were flushed are given again, for claims, marks and clicks")
  func flushed() throws {
    let server = try RedisServer()
    var sessions = try server.sessions()
    var redis = try Connection(server.settings)
    for offset in 1...3 as ClosedRange<Int64> {
      let view = short(try sessions.fold(.click("a", at: 1, offset)))
      #expect(view[0].hasPrefix("applied \(offset) a"))
      _ = try redis.command(["SCRIPT", "FLUSH"])
      try sessions.mark([Position(topic: "clicks", partition: 0, offset: offset + 1)])
      _ = try redis.command(["SCRIPT", "FLUSH"])
    }
  }

  @Test("a server that wants a password stops")
  func password() throws {
    let server = try RedisServer(arguments: ["--requirepass", "open sesame"])
    let failure = #expect(throws: SessionFailure.self) { try server.sessions().ping() }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("NOAUTH") == true)
  }
}
