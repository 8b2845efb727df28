import Testing

@testable import Redis

@Suite("Slot map")
struct SlotMapTests {
  static let asked = RedisSettings.Address.tcp(host: "here", port: 1)

  static func node(_ host: String?, _ port: Int64) -> Reply {
    .array([host.map { .bytes(Array($0.utf8)) } ?? .null, .integer(port), .bytes([1]), .array([])])
  }

  static func range(_ first: Int64, _ last: Int64, _ nodes: Reply...) -> Reply {
    .array([.integer(first), .integer(last)] + nodes)
  }

  @Test("it tells who serves what, and who follows")
  func reads() throws {
    let map = try #require(
      SlotMap(
        .array([
          Self.range(0, 99, Self.node("a", 7), Self.node("r", 8)),
          Self.range(100, 16_000, Self.node("b", 7)), Self.range(16_002, 16_383, Self.node("a", 7)),
        ]),
        from: Self.asked
      )
    )
    #expect(map.owner(of: 0) == .tcp(host: "a", port: 7))
    #expect(map.owner(of: 99) == .tcp(host: "a", port: 7))
    #expect(map.owner(of: 100) == .tcp(host: "b", port: 7))
    #expect(map.owner(of: 16_001) == nil)
    #expect(map.owner(of: 16_383) == .tcp(host: "a", port: 7))
    #expect(map.orphans == 1)
    #expect(map.masters == [.tcp(host: "a", port: 7), .tcp(host: "b", port: 7)])
    #expect(map.replicas == [.tcp(host: "r", port: 8)])
  }

  @Test("a node that does not know its host is where it was asked", arguments: ["", "?", nil])
  func unknownHost(host: String?) throws {
    let reply = Reply.array([Self.range(0, 1, Self.node(host, 7))])
    let map = try #require(SlotMap(reply, from: Self.asked))
    #expect(map.owner(of: 1) == .tcp(host: "here", port: 7))
  }

  @Test(
    "anything else is refused",
    arguments: [
      .null, .array([.null]), .array([.array([.integer(0), .integer(1)])]),
      .array([range(-1, 1, node("a", 1))]), .array([range(2, 1, node("a", 1))]),
      .array([range(0, 16_384, node("a", 1))]), .array([range(0, 1, .null)]),
      .array([range(0, 1, .array([.bytes([97])]))]),
    ] as [Reply]
  )
  func refuses(reply: Reply) { #expect(SlotMap(reply, from: Self.asked) == nil) }

  @Test("a slot that moved is served elsewhere, and no other is")
  func moves() throws {
    let reply = Reply.array([Self.range(0, 16_383, Self.node("a", 7))])
    var map = try #require(SlotMap(reply, from: Self.asked))
    map.move(5, to: .tcp(host: "b", port: 8))
    #expect(map.owner(of: 5) == .tcp(host: "b", port: 8))
    #expect(map.owner(of: 6) == .tcp(host: "a", port: 7))
    map.move(5, to: .tcp(host: "a", port: 7))
    #expect(map.masters == [.tcp(host: "a", port: 7)])
  }

  @Test(
    "redirections",
    arguments: [
      ("MOVED 3999 h:6381", .moved(slot: 3_999, to: .tcp(host: "h", port: 6_381))),
      ("MOVED 3999 ::1:6381", .moved(slot: 3_999, to: .tcp(host: "::1", port: 6_381))),
      ("MOVED 0 :6381", .moved(slot: 0, to: .tcp(host: "here", port: 6_381))),
      ("ASK 16383 h:1", .ask(.tcp(host: "h", port: 1))), ("ASK 16384 h:1", nil),
      ("MOVED x h:1", nil), ("MOVED 1", nil), ("MOVED 1 h", nil), ("TRYAGAIN 1 h:1", nil),
      ("", nil),
    ] as [(String, Redirection?)]
  )
  func redirections(message: String, expected: Redirection?) {
    #expect(Redirection(message, from: Self.asked) == expected)
  }
}

@Suite("Dispatch")
struct DispatchTests {
  static let (a, b) = (
    RedisSettings.Address.tcp(host: "a", port: 1), RedisSettings.Address.tcp(host: "b", port: 1)
  )
  /// Slots below 100 are a's, up to 200 b's, and beyond nobody's.
  let map = SlotMap(
    .array([
      SlotMapTests.range(0, 99, SlotMapTests.node("a", 1)),
      SlotMapTests.range(100, 199, SlotMapTests.node("b", 1)),
    ]),
    from: a
  )

  @Test("calls go to their nodes together, and are answered in their places")
  func together() throws {
    var map = try #require(map)
    var dispatch = Dispatch(slots: [1, 150, 2])
    let legs = try dispatch.legs(by: map)
    #expect(
      legs == [
        Dispatch.Leg(node: Self.a, loads: false, calls: [0, 2]),
        Dispatch.Leg(node: Self.b, loads: false, calls: [1]),
      ]
    )
    #expect(dispatch.replies == nil)
    for call in [2, 0, 1] {
      let node = call == 1 ? Self.b : Self.a
      let isOld = dispatch.take(.integer(Int64(call)), of: call, from: node, map: &map)
      #expect(!isOld)
    }
    #expect(dispatch.replies == [.integer(0), .integer(1), .integer(2)])
    #expect(Dispatch(slots: []).replies == [])
  }

  @Test("a call whose slot moved follows it, and the map knows")
  func moved() throws {
    var map = try #require(map)
    var dispatch = Dispatch(slots: [1, 2])
    _ = try dispatch.legs(by: map)
    let isOld = dispatch.take(.error("MOVED 1 b:1"), of: 0, from: Self.a, map: &map)
    #expect(isOld)
    _ = dispatch.take(.null, of: 1, from: Self.a, map: &map)
    #expect(map.owner(of: 1) == Self.b)
    #expect(map.owner(of: 2) == Self.a)
    #expect(
      try dispatch.legs(by: map) == [Dispatch.Leg(node: Self.b, loads: false, calls: [0])]
    )
  }

  @Test("a call that is sent to ask does so once, and the map stays")
  func asks() throws {
    let before = try #require(map)
    var map = before
    var dispatch = Dispatch(slots: [1, 150])
    _ = try dispatch.legs(by: map)
    let isOld = dispatch.take(.error("ASK 1 b:1"), of: 0, from: Self.a, map: &map)
    #expect(!isOld)
    #expect(map == before)
    #expect(
      try dispatch.legs(by: map) == [
        Dispatch.Leg(node: Self.b, loads: false, calls: [0, 1], asking: [0])
      ]
    )
    // The node asked has the script yet to get; then it is asked again.
    _ = dispatch.take(.error("NOSCRIPT none"), of: 0, from: Self.b, map: &map)
    _ = dispatch.take(.error("NOSCRIPT none"), of: 1, from: Self.b, map: &map)
    #expect(
      try dispatch.legs(by: map) == [
        Dispatch.Leg(node: Self.b, loads: true, calls: [0, 1], asking: [0])
      ]
    )
    _ = dispatch.take(.error("TRYAGAIN later"), of: 0, from: Self.b, map: &map)
    _ = dispatch.take(.null, of: 1, from: Self.b, map: &map)
    #expect(dispatch.replies == [.error("TRYAGAIN later"), .null])
  }

  @Test("a slot of nobody, and nodes that agree on nothing, are worth a retry")
  func endless() throws {
    var map = try #require(map)
    var orphan = Dispatch(slots: [1, 200])
    let failure = #expect(throws: RedisFailure.self) { _ = try orphan.legs(by: map) }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("slot 200") == true)

    var dispatch = Dispatch(slots: [1])
    let endless = #expect(throws: RedisFailure.self) {
      while true {
        let leg = try dispatch.legs(by: map)[0]
        let other = leg.node == Self.a ? "b" : "a"
        _ = dispatch.take(.error("MOVED 1 \(other):1"), of: 0, from: leg.node, map: &map)
      }
    }
    #expect(endless?.remedy == .retry)
  }
}
