import Events
import Sessions
import Testing

extension SessionConformance {
  static let forgetting = [
    SessionConformance("an erasure forgets the user, and only that one") { world in
      var store = try world.makeStore(limits)
      _ = try store.fold(.click("a", at: 1, 1), .click("b", at: 2, 2))
      _ = try store.fold(.click("a", at: 1, 3), of: "v")
      #expect(short(try store.fold(.erase(4))) == ["erased 0"])
      #expect(short(try store.fold(.click("c", at: 1, 5), of: "v")) == ["applied 2 a c"])
      #expect(short(try store.fold(.click("c", at: 3, 6))) == ["applied 1 c"])
    },
    SessionConformance("clicks after an erasure in its batch begin anew") { world in
      var store = try world.makeStore(limits)
      _ = try store.fold(.click("a", at: 90_000, 1, id: "e"))
      let views = try store.fold(
        .click("b", at: 90_000, 2),
        .erase(3),
        .click("c", at: 1, 4, id: "e"),
        .erase(5),
        .click("d", at: 2, 6)
      )
      #expect(
        short(views) == ["applied 2 a b", "erased 0", "applied 1 c", "erased 0", "applied 1 d"]
      )
    },
    SessionConformance("an erasure seen before leaves what came after it") { world in
      var store = try world.makeStore(limits)
      _ = try store.fold(.click("a", at: 1, 1), .erase(2), .click("b", at: 2, 3))
      #expect(
        short(try store.fold(.click("a", at: 1, 1), .erase(2), .click("b", at: 2, 3)))
          == ["redelivered 0", "redelivered 0", "redelivered 1 b"]
      )
      #expect(short(try store.fold(.click("c", at: 3, 14))) == ["applied 2 b c"])
      // Nor does one that was passed over show anything.
      #expect(short(try store.fold(.erase(9))) == ["redelivered 0"])
    },
    SessionConformance("an erasure of nobody is an erasure") { world in
      var store = try world.makeStore(limits)
      #expect(short(try store.fold(.erase(1))) == ["erased 0"])
      #expect(short(try store.fold(.erase(1))) == ["erased 0"])
    },
    SessionConformance("a session nobody touches is forgotten, and a touch keeps it") { world in
      var brief = limits
      brief.timeToLiveMs = 1_000
      var store = try world.makeStore(brief)
      _ = try store.fold(.click("a", at: 1, 1))
      for offset in 2...4 {
        try world.letPass(milliseconds: 375)
        _ = try store.fold(.click("b", at: -20_000, Int64(offset)))
      }
      #expect(short(try store.fold(.click("c", at: 2, 5))) == ["applied 2 a c"])
      try world.letPass(milliseconds: 500)
      #expect(short(try store.fold(.click("c", at: 2, 5))) == ["redelivered 2 a c"])
      // Being read is no touch.
      try world.letPass(milliseconds: 600)
      #expect(short(try store.fold(.click("d", at: 1, 1))) == ["applied 1 d"])
    },
  ]
}
