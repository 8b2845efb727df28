import Events
import Redis
import Service
import Sessions
import TestSupport
import Testing

/// What the README says sessions and fences take.
@Suite("Redis memory", .timeLimit(.minutes(1)))
struct RedisMemoryTests {
  private func bytes(_ key: String) throws -> Int64 {
    var redis = try Connection(RedisServer.shared.settings)
    guard case .integer(let bytes) = try redis.command(["MEMORY", "USAGE", .text(key)]) else {
      return 0
    }
    return bytes
  }

  private func store(_ prefix: String, length: Int, slack: Int = 256) throws -> RedisSessions {
    try RedisSessions(
      settings: RedisServer.shared.settings,
      prefix: prefix,
      limits: SessionLimits(
        maxLength: length,
        slack: slack,
        latenessMs: 86_400_000,
        timeToLiveMs: 3_600_000
      )
    )
  }

  @Test(
    "a session with a full slack takes as much as is said",
    arguments: [
      (10, 64, 1_600, 3_100), (50, 64, 2_600, 4_200), (200, 64, 5_200, 10_300),
      (10, 256, 6_200, 10_300), (50, 256, 7_200, 12_400), (200, 256, 10_300, 20_600),
    ]
  )
  func session(length: Int, slack: Int, plain: Int64, named: Int64) throws {
    for (isNamed, said) in [(false, plain), (true, named)] {
      var store = try store(
        "memory-\(length)-\(slack)-\(isNamed)",
        length: length,
        slack: slack
      )
      for step in 0..<(length + slack) as Range<Int> {
        let id = isNamed ? "event-id-\(10_000_000 + step)" : nil
        let timeMs = 1_700_000_000_000 + Int64(step) * 60_000
        let offset = 1_000_000 + Int64(step) * 997
        _ = try store.fold(.click("item\(1_000 + step)", at: timeMs, offset, id: id))
      }
      let taken = try bytes(store.key(of: "u"))
      #expect(said * 97 / 100...said * 103 / 100 ~= taken, "\(taken)")
    }
  }

  @Test(
    "a fence takes as much as is said",
    arguments: [(1, 140), (4, 310), (16, 1_080), (64, 4_150)] as [(Int32, Int64)]
  )
  func fence(partitions: Int32, said: Int64) throws {
    let store = try store("fence-\(partitions)", length: 50)
    let member = Membership(
      group: "dreamstream",
      generation: 1_234,
      member: "rdkafka-1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    )
    let next = (0..<partitions).map {
      Position(topic: "clicks", partition: $0, offset: 123_456_789)
    }
    _ = try store.claim(Set(next.map(\.home)), for: member, afresh: [])
    try store.mark(next)
    let taken = try bytes(String(store.key(of: "u").dropLast(2)))
    #expect(said * 97 / 100...said * 103 / 100 ~= taken, "\(taken)")
  }
}
