import Events
import Sessions
import Synchronization
import TestSupport
import Testing

/// Stores in this process, under a clock that moves when told to.
private final class MemoryWorld: SessionWorld {
  private let clock = Mutex<Int64>(1_700_000_000_000)

  func makeStore(_ limits: SessionLimits) -> any SessionStore { make(limits) }

  func makePair(_ limits: SessionLimits) -> (any SessionStore, any SessionStore) {
    let one = make(limits)
    return (one, MemorySessions(sharing: one))
  }

  func make(_ limits: SessionLimits) -> MemorySessions {
    MemorySessions(limits: limits) { self.clock.withLock { $0 } }
  }

  func letPass(milliseconds: Int) { clock.withLock { $0 += Int64(milliseconds) } }
}

@Suite("Memory sessions")
struct MemorySessionsTests {
  @Test("a store in memory keeps the promise", arguments: SessionConformance.all)
  func conforms(promise: SessionConformance) throws { try promise(in: MemoryWorld()) }

  @Test("random deliveries are answered as promised", arguments: 1...20 as ClosedRange<UInt64>)
  func random(seed: UInt64) throws {
    var limits = SessionConformance.limits
    limits.slack = [0, 1, 4, 16][Int(seed % 4)]
    limits.maxLength = [1, 3, 8][Int(seed % 3)]
    var store = MemoryWorld().makeStore(limits)
    var clicks = RandomClicks(seed: seed)
    let (_, repeated) = try clicks.deliver(300, to: &store, limits: limits)
    #expect(repeated > 10)
  }

  @Test("users whose time is over are let go, even if nobody asks for them again")
  func swept() throws {
    let world = MemoryWorld()
    var limits = SessionConformance.limits
    limits.timeToLiveMs = 1_000
    var store = world.make(limits)
    world.letPass(milliseconds: 300)
    for user in 0..<100 { _ = try store.fold(.click("a", at: 1, 1), of: "\(user)") }
    world.letPass(milliseconds: 900)
    _ = try store.fold(.click("b", at: 1, 2), of: "7")
    #expect(store.userCount == 100)
    world.letPass(milliseconds: 350)
    _ = try store.fold(.click("b", at: 1, 1), of: "new")
    #expect(store.userCount == 2)
  }

  @Test("a session that is over is not used, even before it is let go")
  func over() throws {
    let world = MemoryWorld()
    var limits = SessionConformance.limits
    limits.timeToLiveMs = 1_000
    var store = world.make(limits)
    _ = try store.fold(.click("a", at: 1, 1))
    world.letPass(milliseconds: 990)
    _ = try store.fold(.click("a", at: 1, 1), of: "v")
    world.letPass(milliseconds: 10)
    #expect(store.userCount == 2)
    #expect(short(try store.fold(.click("b", at: 1, 2))) == ["applied 1 b"])
  }

  @Test("in a replay a session ends by its own clicks' times, and users long gone are let go")
  func agedByEvents() throws {
    var limits = SessionConformance.limits
    limits.timeToLiveMs = 1_000
    var store = MemorySessions(agingByEvents: limits)
    _ = try store.fold(.click("a", at: 5_000, 1), of: "u")
    _ = try store.fold(.click("a", at: 5_900, 2), of: "v")
    // Late by another's clock, in time by its own.
    #expect(short(try store.fold(.click("b", at: 5_999, 3), of: "u")) == ["applied 2 a b"])
    #expect(short(try store.fold(.click("c", at: 6_999, 4), of: "u")) == ["applied 1 c"])
    // Time does not go back: an earlier click keeps the session as young as it was.
    _ = try store.fold(.click("d", at: 6_500, 5), of: "u")
    #expect(store.userCount == 2)
    #expect(short(try store.fold(.click("e", at: 7_998, 6), of: "u")) == ["applied 3 d c e"])
    #expect(store.userCount == 1)
  }

  @Test("an erased user takes no room")
  func erased() throws {
    var store = MemoryWorld().make(SessionConformance.limits)
    _ = try store.fold(.click("a", at: 1, 1))
    _ = try store.fold(.erase(2))
    #expect(store.userCount == 0)
  }
}
