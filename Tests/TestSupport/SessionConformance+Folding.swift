import Events
import Sessions
import Testing

extension SessionConformance {
  static let folding = [
    SessionConformance("clicks are kept by time, and numbered by arrival") { world in
      var store = try world.makeStore(limits)
      let views = try store.fold(
        .click("b", at: 20, 1),
        .click("d", at: 40, 2),
        .click("a", at: 10, 3),
        .click("c", at: 30, 4)
      )
      #expect(
        short(views) == ["applied 1 b", "applied 2 b d", "applied 3 a b d", "applied 4 b c d"]
      )
    },
    SessionConformance("clicks of the same time stay in the order they came") { world in
      var store = try world.makeStore(limits)
      _ = try store.fold(.click("z", at: 20, 1), .click("a", at: 10, 2), .click("b", at: 10, 3))
      #expect(short(try store.fold(.click("c", at: 10, 4))) == ["applied 4 b c z"])
      #expect(short(try store.fold(.click("y", at: 20, 5))) == ["applied 5 c z y"])
    },
    SessionConformance("a late click finds its place among those behind the view") { world in
      var store = try world.makeStore(limits)
      for step in 1...7 {
        _ = try store.fold(.click("i\(step)", at: Int64(step) * 100, Int64(step)))
      }
      #expect(short(try store.fold(.click("x", at: 250, 8))) == ["applied 8 i5 i6 i7"])
      // Of i2 x i3 i4 i5 i6 i7 the erstwhile first is gone, and the named one is still known.
      #expect(short(try store.fold(.click("y", at: 650, 9, id: "n"))) == ["applied 9 i6 y i7"])
      for step in 10...12 {
        _ = try store.fold(.click("j\(step)", at: Int64(step) * 100, Int64(step)))
      }
      #expect(
        short(try store.fold(.click("y", at: 650, 13, id: "n"))) == ["duplicate 12 j10 j11 j12"]
      )
    },
    SessionConformance("the same event id counts once, as long as its click is kept") { world in
      var store = try world.makeStore(limits)
      let first = try store.fold(
        .click("a", at: 1, 1, id: "e"),
        .click("b", at: 2, 2, id: "f"),
        .click("c", at: 3, 3, id: "e")
      )
      #expect(short(first) == ["applied 1 a", "applied 2 a b", "duplicate 2 a b"])
      // Neither an item nor part of an id is an id.
      #expect(short(try store.fold(.click("c", at: 4, 4, id: "a"))) == ["applied 3 a b c"])
      for offset in 5...8 { _ = try store.fold(.click("d", at: Int64(offset), Int64(offset))) }
      #expect(short(try store.fold(.click("x", at: 9, 9, id: "b"))) == ["applied 8 d d x"])
      #expect(short(try store.fold(.click("a", at: 9, 10, id: "f"))) == ["duplicate 8 d d x"])
      #expect(short(try store.fold(.click("a", at: 9, 11, id: "e"))) == ["applied 9 d x a"])
    },
    SessionConformance("a click older than the lateness allows is passed over") { world in
      var store = try world.makeStore(limits)
      let views = try store.fold(
        .click("a", at: 20_000, 1),
        .click("b", at: 9_999, 2),
        .click("c", at: 10_000, 3)
      )
      #expect(short(views) == ["applied 1 a", "late 1 a", "applied 2 c a"])
    },
    SessionConformance("users are apart, and answered in the order of the batch") { world in
      var store = try world.makeStore(limits)
      let users = (0..<50).map { "user \($0)" }
      let views = try store.claimAndApply(
        users.map { UserChanges(user: $0, changes: [.click("of \($0)", at: 1, 1)]) }
      )
      #expect(views.map(short) == users.map { ["applied 1 of \($0)"] })
    },
    SessionConformance("users are told apart by bytes, not by what these look like") { world in
      var store = try world.makeStore(limits)
      _ = try store.fold(.click("a", at: 10, 1), of: "caf\u{E9}")
      #expect(short(try store.fold(.click("b", at: 20, 2), of: "cafe\u{301}")) == ["applied 1 b"])
    },
    SessionConformance("no batch, and no change, is a batch all the same") { world in
      var store = try world.makeStore(limits)
      #expect(try store.apply([]) == [])
      #expect(try store.fold() == [])
      #expect(short(try store.fold(.click("a", at: 1, 1))) == ["applied 1 a"])
      #expect(try store.fold() == [])
    },
    SessionConformance("identifiers are any text, and timestamps any number") { world in
      var store = try world.makeStore(limits)
      let odd = ["", "}{", "a\u{0}b", "\r\n$5\r\n", "ключ 🗝", String(repeating: "x", count: 5_000)]
      for (index, text) in odd.enumerated() {
        let view = try store.fold(.click(text, at: 1, Int64(index), id: text), of: text)
        #expect(view == [SessionView(outcome: .applied, items: [text], ordinal: 1)])
        let again = try store.fold(.click("b", at: 1, 10, topic: text, id: text), of: text)
        #expect(again == [SessionView(outcome: .duplicate, items: [text], ordinal: 1)])
      }
      let views = try store.fold(
        .click("old", at: .min, 1),
        .click("new", at: .max, 2),
        .click("now", at: 0, 3)
      )
      #expect(short(views) == ["applied 1 old", "applied 2 old new", "late 2 old new"])
    },
  ]
}
