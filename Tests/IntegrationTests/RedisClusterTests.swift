import Events
import Foundation
import Redis
import Service
import Sessions
import TestSupport
import Testing

/// Stores in a real cluster, each under a prefix of its own.
private struct ClusterWorld: SessionWorld {
  let cluster: RedisCluster

  func makeStore(_ limits: SessionLimits) throws -> any SessionStore { try makePair(limits).0 }

  func makePair(_ limits: SessionLimits) throws -> (any SessionStore, any SessionStore) {
    let prefix = "test-\(UUID().uuidString)"
    func make() throws -> RedisSessions {
      try RedisSessions(settings: cluster.settings, prefix: prefix, limits: limits)
    }
    return (try make(), try make())
  }

  func letPass(milliseconds: Int) { Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000) }
}

extension RedisCluster {
  fileprivate func sessions(_ prefix: String = "s") throws -> RedisSessions {
    try RedisSessions(settings: settings, prefix: prefix, limits: SessionConformance.limits)
  }
}

@Suite("Redis sessions in a cluster", .ownThread, .timeLimit(.minutes(2)))
struct RedisClusterTests {
  @Test("a store in a cluster keeps the promise", arguments: SessionConformance.all)
  func conforms(promise: SessionConformance) throws {
    try promise(in: ClusterWorld(cluster: try .shared))
  }

  @Test(
    "a cluster and memory answer random deliveries alike",
    arguments: 1...3 as ClosedRange<UInt64>
  )
  func alike(seed: UInt64) throws {
    let limits = SessionConformance.limits
    var inCluster = try ClusterWorld(cluster: try .shared).makeStore(limits)
    var inMemory: any SessionStore = MemorySessions(limits: limits) { 0 }
    var (clicks, again) = (RandomClicks(seed: seed), RandomClicks(seed: seed))
    let views = try clicks.deliver(300, to: &inCluster, limits: limits).views
    #expect(try again.deliver(300, to: &inMemory, limits: limits).views == views)
  }

  @Test("users and fences are spread evenly over the nodes")
  func spread() throws {
    let cluster = try RedisCluster.shared
    var sessions = try cluster.sessions("spread")
    let users = (0..<900).map { "user \($0)" }
    _ = try sessions.claimAndApply(
      users.map { UserChanges(user: $0, changes: [.click("a", at: 1, 1)]) }
    )
    for node in 0..<RedisCluster.masters {
      func count(_ pattern: Argument) throws -> Int {
        guard case .array(let keys) = try cluster.ask(node, ["KEYS", pattern]) else { return 0 }
        return keys.count
      }
      #expect(260...340 ~= (try count("spread:{*}:*")))
      #expect(84...87 ~= (try count("spread:{*}")))
    }
    #expect(try sessions.ping() == RedisCluster.masters)
  }

  @Test("one address does not do for a cluster, nor a cluster's for one server")
  func mistaken() throws {
    let cluster = try RedisCluster.shared
    var settings = cluster.settings
    settings.cluster = []
    var alone = try RedisSessions(
      settings: settings,
      prefix: "mistaken",
      limits: SessionConformance.limits
    )
    let moved = #expect(throws: SessionFailure.self) { _ = try alone.fold(.click("a", at: 1, 1)) }
    #expect(moved?.remedy == .stop)
    #expect(moved?.reason.contains("cluster://") == true)

    settings.cluster = [.tcp(host: "127.0.0.1", port: try RedisServer.shared.port)]
    let none = try RedisSessions(
      settings: settings,
      prefix: "mistaken",
      limits: SessionConformance.limits
    )
    let failure = #expect(throws: SessionFailure.self) { try none.ping() }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("without cluster://") == true)
  }

  @Test("a cluster by its setting is seen to answer, all its slots")
  func validates() throws {
    let nodes = try RedisCluster.shared.servers.map { "127.0.0.1:\($0.port)" }
    let configuration = try Configuration.load(
      file: nil,
      overrides: [("redis.address", "cluster://" + nodes.joined(separator: ","))],
      environment: [:]
    )
    let check = Validation.redis(configuration)
    #expect(check.isOK)
    #expect(check.text.contains("all its slots on 3 nodes"))
  }

  @Test("one known node is enough, and it need not be up if another is")
  func seeds() throws {
    let cluster = try RedisCluster.shared
    var settings = cluster.settings
    settings.cluster = [.tcp(host: "127.0.0.1", port: 1), settings.cluster[2]]
    let sessions = try RedisSessions(
      settings: settings,
      prefix: "seeds",
      limits: SessionConformance.limits
    )
    #expect(try sessions.ping() == RedisCluster.masters)
    settings.cluster.removeLast()
    let nowhere = try RedisSessions(
      settings: settings,
      prefix: "seeds",
      limits: SessionConformance.limits
    )
    let failure = #expect(throws: SessionFailure.self) { try nowhere.ping() }
    #expect(failure?.remedy == .retry)
  }
}
