import Events
import Redis
import Service
import Sessions
import TestSupport
import Testing

/// What becomes of claims when a server loses them.
@Suite("Redis sessions when Redis loses data", .ownThread, .timeLimit(.minutes(1)))
struct RedisLossTests {
  static let member = Membership(group: "group", generation: 3, member: "member")
  static let home = Partition(topic: "clicks", number: 0)

  private func batch(_ change: SessionChange, of user: String = "u") -> [UserChanges] {
    [UserChanges(user: user, changes: [change])]
  }

  /// A server with a claim, a click of `u`, and a mark after it.
  private func begun(appendOnly: Bool = false) throws -> (RedisServer, RedisSessions) {
    let server = try RedisServer(appendOnly: appendOnly)
    let sessions = try server.sessions()
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [:])
    _ = try sessions.apply(batch(.click("a", at: 1, 1)))
    try sessions.mark([Position(topic: "clicks", partition: 0, offset: 2)])
    return (server, sessions)
  }

  /// Expects that a claim is lost; the server's refusal ends the connection too.
  private func expectLost(_ sessions: RedisSessions) {
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.apply(batch(.click("b", at: 2, 2)))
    }
    #expect(failure?.remedy == .claim)
    #expect(failure?.reason.contains("Redis has lost that clicks:0 is ours") == true)
    #expect(throws: SessionFailure.self) {
      try sessions.mark([Position(topic: "clicks", partition: 0, offset: 9)])
    }
  }

  @Test("a server that lost all refuses to go on, and has no mark", arguments: [false, true])
  func lost(byRestart: Bool) throws {
    let (server, sessions) = try begun()
    if byRestart {
      try server.restart()
      expectAnew(sessions, firstly: .retry)
    } else {
      var redis = try Connection(server.settings)
      _ = try redis.command(["FLUSHALL"])
      expectLost(sessions)
    }
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [:])
    #expect(short(try sessions.apply(batch(.click("a", at: 1, 1)))[0]) == ["applied 1 a"])
  }

  @Test("a server that restarted is claimed anew, its claim kept or not; a ping hides nothing")
  func kept() throws {
    let (server, sessions) = try begun(appendOnly: true)
    try server.restart()
    expectAnew(sessions, firstly: .retry)
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [Self.home: 2])
    #expect(short(try sessions.apply(batch(.click("b", at: 2, 2)))[0]) == ["applied 2 a b"])
    try server.restart()
    #expect(throws: Never.self) { try sessions.ping() }
    expectAnew(sessions, firstly: .claim)
  }

  @Test("a connection made anew has no claims but those made over it")
  func claimedAnew() throws {
    let (server, sessions) = try begun(appendOnly: true)
    try server.restart()
    _ = try sessions.claim([Partition(topic: "clicks", number: 1)], for: Self.member, afresh: [])
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.apply(batch(.click("b", at: 2, 2)))
    }
    #expect(failure?.remedy == .claim && failure?.reason == "clicks/0 is not claimed")
  }

  @Test("clicks that a server lost behind a claim it kept are folded again")
  func regressed() throws {
    let (server, sessions) = try begun(appendOnly: true)
    try server.remember()
    for offset in 2...3 as ClosedRange<Int64> {
      _ = try sessions.apply(batch(.click("b", at: offset, offset)))
    }
    try sessions.mark([Position(topic: "clicks", partition: 0, offset: 4)])
    try server.killAndForget()
    try server.restart()
    expectAnew(sessions, firstly: .retry)
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [Self.home: 2])
    #expect(short(try sessions.apply(batch(.click("b", at: 2, 2)))[0]) == ["applied 2 a b"])
  }

  /// Expects that nothing is applied or marked before partitions are claimed anew.
  private func expectAnew(_ sessions: RedisSessions, firstly remedy: SessionFailure.Remedy) {
    for remedy in [remedy, .claim] {
      let failure = #expect(throws: SessionFailure.self) {
        _ = try sessions.apply(batch(.click("z", at: 9, 9)))
      }
      #expect(failure?.remedy == remedy)
    }
    let failure = #expect(throws: SessionFailure.self) {
      try sessions.mark([Position(topic: "clicks", partition: 0, offset: 9)])
    }
    #expect(failure?.remedy == .claim)
    #expect(failure?.reason.contains("connected to anew") == true)
  }

  @Test("another group's claim stops, and says what to do")
  func taken() throws {
    let (server, sessions) = try begun()
    let other = try server.sessions()
    let member = Membership(group: "b c%", generation: 1, member: "")
    _ = try other.claim([Self.home], for: member, afresh: [])
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.apply(batch(.click("b", at: 2, 2)))
    }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("clicks:0 by b%20c%25") == true)
    #expect(failure?.reason.contains("redis.prefix") == true)
  }

  @Test("one bucket that lost its fence is enough to have no mark; the others go on")
  func oneBucket() throws {
    let (server, sessions) = try begun()
    var redis = try Connection(server.settings)
    let fence = String(sessions.key(of: "u").dropLast(2))
    #expect(try redis.command(["DEL", .text(fence), .text("\(fence):u")]) == .integer(2))
    #expect(
      short(try sessions.apply(batch(.click("b", at: 2, 2), of: "v"))[0]) == ["applied 1 b"]
    )
    expectLost(sessions)
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [:])
  }

  @Test("all is folded as far as the bucket that is furthest behind")
  func furthestBehind() throws {
    let (server, sessions) = try begun()
    var redis = try Connection(server.settings)
    let fence = Argument.text(String(sessions.key(of: "u").dropLast(2)))
    _ = try redis.command(["HSET", fence, "clicks:0:mark", "1"])
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [Self.home: 1])
  }

  @Test("an earlier claim that is back is a loss, any other is somebody else's", arguments: [1, 2])
  func wentBack(epoch: Int) throws {
    let (server, sessions) = try begun()
    var redis = try Connection(server.settings)
    let fence = Argument.text(String(sessions.key(of: "u").dropLast(2)))
    guard case .bytes(let held) = try redis.command(["HGET", fence, "clicks:0"]) else {
      Issue.record("no claim")
      return
    }
    #expect(String(decoding: held, as: UTF8.self).hasPrefix("1 3 group "))
    _ = try redis.command(["HSET", fence, "clicks:0", "0 2 group 5"])
    expectLost(sessions)
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == [Self.home: 2])
    _ = try redis.command(["HSET", fence, "clicks:0", .text("\(epoch) 4 group 5")])
    let failure = #expect(throws: SessionFailure.self) {
      _ = try sessions.apply(batch(.click("b", at: 2, 2)))
    }
    #expect(failure?.remedy == .claim)
    #expect(failure?.reason.contains("somebody else has claimed clicks:0") == true)
    let refused = #expect(throws: SessionFailure.self) {
      _ = try sessions.claim([Self.home], for: Self.member, afresh: [])
    }
    #expect(refused?.remedy == .claim)
    #expect(refused?.reason.contains("in generation 4") == true)
  }

  @Test("a fence that is something else stops, and names its key")
  func foreign() throws {
    let (server, sessions) = try begun()
    var redis = try Connection(server.settings)
    let fence = String(sessions.key(of: "u").dropLast(2))
    _ = try redis.command(["SET", .text(fence), "x"])
    let failures = [
      #expect(throws: SessionFailure.self) {
        _ = try sessions.apply(batch(.click("b", at: 2, 2)))
      },
      #expect(throws: SessionFailure.self) {
        _ = try sessions.claim([Self.home], for: Self.member, afresh: [])
      },
    ]
    for failure in failures {
      #expect(failure?.remedy == .stop)
      #expect(failure?.reason.contains(fence) == true)
    }
  }
}
