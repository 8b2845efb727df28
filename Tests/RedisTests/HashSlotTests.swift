import Redis
import TestSupport
import Testing

@Suite("Hash slot")
struct HashSlotTests {
  @Test("it is the standard's check value, and zero for nothing")
  func known() {
    #expect(HashSlot.hash("123456789".utf8) == 0x31C3)
    #expect(HashSlot.hash([]) == 0)
  }

  @Test("a server hashes keys alike")
  func alike() throws {
    let server = try RedisServer(arguments: ["--cluster-enabled", "yes"])
    var redis = try Connection(server.settings)
    let keys = [
      "", "a", "user1000", "{user1000}.following", "a{b}c{d}", "{}a", "a{", "a}{b}", "a{{b}}",
      "a{b", "}{", "ключ 🗝", "s:{17}:u{42}",
    ]
    for key in keys {
      let slot = Int64(HashSlot.of(Array(key.utf8)))
      #expect(try redis.command(["CLUSTER", "KEYSLOT", .text(key)]) == .integer(slot))
    }
  }
}
