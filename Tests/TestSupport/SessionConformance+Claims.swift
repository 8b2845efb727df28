import Events
import Sessions
import Testing

extension SessionConformance {
  static let claims = [
    SessionConformance("nothing is written from a partition that is not claimed") { world in
      var (store, other) = try world.makePair(limits)
      expectClaim { () throws(SessionFailure) in try store.apply(batch(.click("a", at: 1, 1))) }
      expectClaim { () throws(SessionFailure) in try store.mark([at(0, 1)]) }
      #expect(try other.claim([home(0)], for: first, afresh: []) == [:])
      expectClaim { () throws(SessionFailure) in try store.apply(batch(.click("a", at: 1, 1))) }
      expectClaim { () throws(SessionFailure) in
        try other.apply(batch(.click("a", at: 1, 1), .click("b", at: 2, 1, partition: 1)))
      }
      expectClaim { () throws(SessionFailure) in try other.mark([at(0, 5), at(1, 5)]) }
      #expect(short(try other.apply(batch(.click("c", at: 3, 1)))[0]) == ["applied 1 c"])
      #expect(try other.claim([home(0), home(1)], for: first, afresh: []) == [:])
    },
    SessionConformance("whoever was deposed can neither apply nor mark") { world in
      var (old, new) = try world.makePair(limits)
      _ = try old.claim([home(0), home(1)], for: first, afresh: [])
      _ = try old.apply(batch(.click("a", at: 1, 1)))
      try old.mark([at(0, 2), at(1, 7)])
      let marks = try new.claim([home(0)], for: second, afresh: [])
      #expect(marks == [home(0): 2])
      expectClaim { () throws(SessionFailure) in try old.apply(batch(.click("b", at: 2, 2))) }
      expectClaim { () throws(SessionFailure) in try old.mark([at(0, 9)]) }
      expectClaim { () throws(SessionFailure) in try old.mark([at(1, 9), at(0, 9)]) }
      #expect(short(try new.apply(batch(.click("c", at: 3, 2)))[0]) == ["applied 2 a c"])
      // It keeps what nobody took.
      let other = batch(.click("d", at: 4, 7, partition: 1))
      #expect(short(try old.apply(other)[0]) == ["applied 3 a c d"])
      #expect(try old.claim([home(1)], for: first, afresh: []) == [home(1): 7])
    },
    SessionConformance("a user of two partitions needs both") { world in
      var (old, new) = try world.makePair(limits)
      _ = try old.claim([home(0), home(1)], for: first, afresh: [])
      _ = try new.claim([home(1)], for: second, afresh: [])
      expectClaim { () throws(SessionFailure) in
        try old.apply(batch(.click("a", at: 1, 1), .click("b", at: 2, 1, partition: 1)))
      }
      #expect(short(try old.apply(batch(.click("c", at: 3, 1)))[0]) == ["applied 1 c"])
    },
    SessionConformance("an erased user is not brought back by who was deposed") { world in
      var (old, new) = try world.makePair(limits)
      _ = try old.claim([home(0)], for: first, afresh: [])
      _ = try old.apply(batch(.click("a", at: 1, 1)))
      _ = try new.claim([home(0)], for: second, afresh: [])
      #expect(short(try new.apply(batch(.erase(3)))[0]) == ["erased 0"])
      expectClaim { () throws(SessionFailure) in try old.apply(batch(.click("b", at: 2, 2))) }
      expectClaim { () throws(SessionFailure) in try old.apply(batch(.erase(9))) }
      #expect(short(try new.apply(batch(.click("c", at: 3, 4)))[0]) == ["applied 1 c"])
    },
    SessionConformance("a later generation refuses earlier ones, all partitions or none") { world in
      var (old, new) = try world.makePair(limits)
      _ = try new.claim([home(1)], for: second, afresh: [])
      expectClaim { () throws(SessionFailure) in
        try old.claim([home(1)], for: first, afresh: [home(0)])
      }
      #expect(
        short(try new.apply(batch(.click("a", at: 1, 1, partition: 1)))[0]) == ["applied 1 a"]
      )
      _ = try old.claim([home(0)], for: first, afresh: [])
      #expect(short(try old.apply(batch(.click("b", at: 2, 1)))[0]) == ["applied 2 a b"])
    },
    SessionConformance("a group that begins anew counts its generations anew") { world in
      var (old, new) = try world.makePair(limits)
      _ = try old.claim([home(0)], for: second, afresh: [])
      try old.mark([at(0, 5)])
      #expect(try new.claim([home(0)], for: first, afresh: [home(0)]) == [home(0): 5])
      expectClaim { () throws(SessionFailure) in try old.mark([at(0, 6)]) }
      try new.mark([at(0, 7)])
    },
    SessionConformance("members of one generation take over from one another") { world in
      var (old, new) = try world.makePair(limits)
      var other = first
      other.member = "other member"
      _ = try old.claim([home(0)], for: first, afresh: [])
      _ = try new.claim([home(0)], for: other, afresh: [])
      expectClaim { () throws(SessionFailure) in try old.mark([at(0, 1)]) }
      _ = try old.claim([home(0)], for: first, afresh: [])
      expectClaim { () throws(SessionFailure) in try new.mark([at(0, 1)]) }
      try old.mark([at(0, 2)])
    },
    SessionConformance("who claims again shuts out what it had under way itself") { world in
      var (under, again) = try world.makePair(limits)
      _ = try under.claim([home(0), home(1)], for: first, afresh: [])
      #expect(try again.claim([home(0)], for: first, afresh: []) == [:])
      expectClaim { () throws(SessionFailure) in try under.apply(batch(.click("a", at: 1, 1))) }
      #expect(short(try again.apply(batch(.click("b", at: 2, 2)))[0]) == ["applied 1 b"])
      try under.mark([at(1, 1)])
      #expect(try under.claim([], for: first, afresh: []) == [:])
    },
    SessionConformance("another group takes over in whatever generation it is") { world in
      var (old, new) = try world.makePair(limits)
      var other = first
      other.group = "another group"
      _ = try old.claim([home(0)], for: second, afresh: [])
      try old.mark([at(0, 5)])
      #expect(try new.claim([home(0)], for: other, afresh: []) == [home(0): 5])
      #expect(throws: SessionFailure.self) { try old.mark([at(0, 6)]) }
      try new.mark([at(0, 7)])
    },
    SessionConformance("the last mark is the next claimer's, and partitions are apart") { world in
      var (old, new) = try world.makePair(limits)
      let homes: Set = [home(0), home(1), Partition(topic: "other", number: 0)]
      #expect(try old.claim(homes, for: first, afresh: []) == [:])
      try old.mark([at(0, 10), at(1, 1 << 40)])
      try old.mark([at(0, 9)])
      try old.mark([])
      let marks = try new.claim(homes, for: second, afresh: [])
      #expect(marks == [home(0): 9, home(1): 1 << 40])
    },
  ]

  private static let first = Membership(group: "group", generation: 7, member: "a member")
  private static let second = Membership(group: "group", generation: 10, member: "other member")

  private static func home(_ number: Int32) -> Partition {
    Partition(topic: "clicks", number: number)
  }

  private static func at(_ partition: Int32, _ offset: Int64) -> Position {
    Position(topic: "clicks", partition: partition, offset: offset)
  }

  private static func batch(_ changes: SessionChange...) -> [UserChanges] {
    [UserChanges(user: "u", changes: changes)]
  }

  /// Expects a failure that asks to claim, and says why.
  private static func expectClaim<Result>(
    _ body: () throws(SessionFailure) -> Result,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do throws(SessionFailure) {
      _ = try body()
      Issue.record("nothing was refused", sourceLocation: sourceLocation)
    } catch {
      #expect(error.remedy == .claim, sourceLocation: sourceLocation)
      #expect(error.reason.contains("clicks"), sourceLocation: sourceLocation)
    }
  }
}
