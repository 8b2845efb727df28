import Events
import Foundation
import Redis
import Service
import Sessions
import TestSupport
import Testing

/// A cluster that is disturbed, its store, and two users on each node.
private struct Disturbed {
  static let member = Membership(group: "group", generation: 3, member: "member")
  static let home = Partition(topic: "clicks", number: 0)

  let cluster: RedisCluster
  let sessions: RedisSessions
  let users: [String]

  init(hasReplica: Bool = false) throws {
    let cluster = try RedisCluster(hasReplica: hasReplica)
    self.cluster = cluster
    var settings = cluster.settings
    settings.commandTimeoutMs = 500
    let sessions = try RedisSessions(
      settings: settings,
      prefix: "s",
      limits: SessionConformance.limits
    )
    self.sessions = sessions
    var users: [String] = []
    for node in 0..<RedisCluster.masters {
      let names = (0...).lazy.map { "u\($0)" }
      users += names.filter { cluster.owner(of: sessions.key(of: $0)) == node }.prefix(2)
    }
    self.users = users
    try claim([:])
    try expect(1, "applied 1 i1")
    try sessions.mark([Position(topic: "clicks", partition: 0, offset: 2)])
  }

  func claim(_ marks: [Partition: Int64]) throws {
    #expect(try sessions.claim([Self.home], for: Self.member, afresh: []) == marks)
  }

  func fold(_ offset: Int64, of users: [String]) throws -> [String] {
    let batch = users.map { user in
      UserChanges(user: user, changes: [.click("i\(offset)", at: offset, offset)])
    }
    return try sessions.apply(batch).flatMap(short)
  }

  /// Folds one click of every user.
  func expect(_ offset: Int64, _ view: String) throws {
    #expect(try fold(offset, of: users) == users.map { _ in view })
  }

  func failure(_ offset: Int64, of users: [String]) -> SessionFailure? {
    #expect(throws: SessionFailure.self) { _ = try fold(offset, of: users) }
  }
}

@Suite("Redis sessions in a disturbed cluster", .ownThread, .serialized, .timeLimit(.minutes(2)))
struct RedisClusterFaultTests {
  @Test("a slot that moved is followed, and so is one that is on its way")
  func moves() throws {
    let disturbed = try Disturbed()
    let (cluster, sessions) = (disturbed.cluster, disturbed.sessions)
    let user = disturbed.users[0]
    let key = sessions.key(of: user)
    let fence = String(key.dropLast(user.utf8.count + 1))
    let newcomer = (0...).lazy.map { "v\($0)" }.first {
      sessions.key(of: $0).hasPrefix(fence + ":")
    }
    let new = try #require(newcomer)

    try cluster.beginMove(of: key, to: 1)
    try disturbed.expect(2, "applied 2 i1 i2")
    // The new node is asked, which has neither script nor map.
    try cluster.moveKeys([fence, key], to: 1)
    try disturbed.expect(3, "applied 3 i1 i2 i3")
    try disturbed.expect(3, "redelivered 3 i1 i2 i3")
    try disturbed.claim([Disturbed.home: 2])
    // A user who is new to a slot on its way has to wait.
    let failure = disturbed.failure(4, of: [new])
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("TRYAGAIN") == true)
    try cluster.endMove(of: key, to: 1)
    // Who serves a slot now may have less of it: nothing is folded before it is claimed there.
    #expect(disturbed.failure(4, of: [new])?.remedy == .claim)
    try disturbed.claim([Disturbed.home: 2])
    #expect(try disturbed.fold(4, of: [new]) == ["applied 1 i4"])
    try disturbed.expect(4, "applied 4 i2 i3 i4")
    try sessions.mark([Position(topic: "clicks", partition: 0, offset: 5)])
    // Whoever knew the map from before is sent on.
    let other = try RedisSessions(
      settings: cluster.settings,
      prefix: "s",
      limits: SessionConformance.limits
    )
    #expect(
      try other.claim([Disturbed.home], for: Disturbed.member, afresh: []) == [Disturbed.home: 5]
    )
  }

  @Test("a slot that moved while nobody looked is found")
  func moved() throws {
    let disturbed = try Disturbed()
    let key = disturbed.sessions.key(of: disturbed.users[2])
    try disturbed.cluster.beginMove(of: key, to: 2)
    try disturbed.cluster.endMove(of: key, to: 2)
    #expect(disturbed.failure(2, of: disturbed.users)?.remedy == .claim)
    try disturbed.claim([Disturbed.home: 2])
    #expect(
      try disturbed.fold(2, of: disturbed.users)
        == disturbed.users.enumerated().map {
          $0.offset == 2 ? "applied 2 i1 i2" : "redelivered 2 i1 i2"
        }
    )
    try disturbed.expect(3, "applied 3 i1 i2 i3")
  }

  @Test("a replica takes over from a master that was killed, and work goes on")
  func failover() throws {
    let disturbed = try Disturbed(hasReplica: true)
    let clock = ContinuousClock()
    try disturbed.cluster.awaitThat("the replica to have it all") {
      try disturbed.cluster.ask(0, ["WAIT", 1, 100]) == .integer(1)
    }
    disturbed.cluster.servers[0].kill()
    let failure = disturbed.failure(2, of: disturbed.users)
    #expect(failure?.remedy == .retry)
    var views: [String] = []
    let elapsed = try clock.measure {
      try disturbed.cluster.awaitThat("a failover") {
        do {
          try disturbed.claim([Disturbed.home: 2])
          views = try disturbed.fold(2, of: disturbed.users)
          return true
        } catch let failure as SessionFailure {
          #expect(failure.remedy == .retry)
          return false
        }
      }
    }
    #expect(elapsed < .seconds(15))
    #expect(
      views
        == disturbed.users.enumerated().map {
          $0.offset < 2 ? "applied 2 i1 i2" : "redelivered 2 i1 i2"
        }
    )
    #expect(try disturbed.sessions.ping() == RedisCluster.masters)
    try disturbed.expect(3, "applied 3 i1 i2 i3")
  }

  @Test("a node that is gone is worth a retry, and the others' clicks are folded once")
  func gone() throws {
    let disturbed = try Disturbed()
    disturbed.cluster.servers[1].kill()
    #expect(disturbed.failure(2, of: disturbed.users)?.remedy == .retry)
    for _ in 1...2 {
      #expect(disturbed.failure(2, of: disturbed.users)?.remedy == .claim)
      #expect(throws: SessionFailure.self) { try disturbed.sessions.ping() }
    }
    try disturbed.cluster.servers[1].restart()
    try disturbed.cluster.awaitThat("the node to be back") {
      (try? disturbed.claim([Disturbed.home: 2])) != nil
    }
    _ = try disturbed.fold(2, of: disturbed.users)
    try disturbed.expect(3, "applied 3 i1 i2 i3")
  }

  @Test("a silent node is worth a retry, in the time that one server is given")
  func silent() throws {
    let disturbed = try Disturbed()
    disturbed.cluster.servers[2].pause()
    defer { disturbed.cluster.servers[2].resume() }
    var failure: SessionFailure?
    let elapsed = ContinuousClock().measure { failure = disturbed.failure(2, of: disturbed.users) }
    #expect(failure?.remedy == .retry)
    // A command timeout of 500 ms, and what the machine takes.
    #expect(.milliseconds(500)..<(.milliseconds(2_500)) ~= elapsed)
    disturbed.cluster.servers[2].resume()
    try disturbed.cluster.awaitThat("the node to be back") {
      (try? disturbed.sessions.ping()) == RedisCluster.masters
    }
    try disturbed.claim([Disturbed.home: 2])
    _ = try disturbed.fold(2, of: disturbed.users)
    try disturbed.expect(3, "applied 3 i1 i2 i3")
  }

  @Test("a node without its scripts is given them; one without its data says so")
  func lost() throws {
    let disturbed = try Disturbed()
    try disturbed.cluster.ask(1, ["SCRIPT", "FLUSH"])
    try disturbed.expect(2, "applied 2 i1 i2")
    try disturbed.sessions.mark([Position(topic: "clicks", partition: 0, offset: 3)])
    try disturbed.cluster.ask(1, ["FLUSHALL"])
    let failure = disturbed.failure(3, of: disturbed.users)
    #expect(failure?.remedy == .claim)
    #expect(failure?.reason.contains("Redis has lost") == true)
    try disturbed.claim([:])
    #expect(
      try disturbed.fold(4, of: disturbed.users)
        == [
          "applied 4 i2 i3 i4", "applied 4 i2 i3 i4", "applied 1 i4", "applied 1 i4",
          "applied 4 i2 i3 i4", "applied 4 i2 i3 i4",
        ]
    )
  }
}
