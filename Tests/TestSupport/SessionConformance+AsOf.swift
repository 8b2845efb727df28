import Events
import Sessions
import Testing

extension SessionConformance {
  static let asOf = [
    SessionConformance("a record seen before gets the view it got, whatever it was") { world in
      var store = try world.makeStore(limits)
      let changes: [SessionChange] = [
        .click("a", at: 100, 1, id: "e"), .click("b", at: 50, 2), .click("b", at: 50, 3, id: "e"),
        .click("c", at: -20_000, 4), .click("d", at: 70, 5),
      ]
      let first = try store.fold(changes[0], changes[1], changes[2], changes[3], changes[4])
      #expect(
        short(first) == [
          "applied 1 a", "applied 2 b a", "duplicate 2 b a", "late 2 b a", "applied 3 b d a",
        ]
      )
      for _ in 1...2 {
        for (change, view) in zip(changes, first) {
          #expect(try store.fold(change) == [view.redelivered])
        }
      }
      #expect(short(try store.fold(.click("e", at: 80, 6))) == ["applied 4 d e a"])
    },
    SessionConformance("it does so with the slack full, and not one record later") { world in
      var store = try world.makeStore(limits)
      for step in 1...7 { _ = try store.fold(.click("i\(step)", at: 1_000, Int64(step))) }
      let change = SessionChange.click("x", at: 1_000, 8)
      let first = try store.fold(change)
      #expect(short(first) == ["applied 8 i6 i7 x"])
      for step in 9...12 {
        _ = try store.fold(.click("i\(step)", at: 1_000, Int64(step)))
        #expect(try store.fold(change) == first.map(\.redelivered))
      }
      _ = try store.fold(.click("i13", at: 1_000, 13))
      #expect(short(try store.fold(change)) == ["redelivered 0"])
    },
    SessionConformance("it does so when its own click is cut already") { world in
      var store = try world.makeStore(limits)
      for step in 1...7 {
        _ = try store.fold(.click("i\(step)", at: Int64(step) * 10, Int64(step)))
      }
      let atOnce = SessionChange.click("x", at: 1, 8)
      let soon = SessionChange.click("y", at: 25, 9)
      let first = try store.fold(atOnce, soon)
      #expect(short(first) == ["applied 8 i5 i6 i7", "applied 9 i5 i6 i7"])
      _ = try store.fold(.click("i10", at: 100, 10), .click("i11", at: 110, 11))
      #expect(try store.fold(atOnce, soon) == first.map(\.redelivered))
    },
    SessionConformance("partitions are apart") { world in
      var store = try world.makeStore(limits)
      let changes: [SessionChange] = [
        .click("a", at: 1, 90), .click("b", at: 2, 3, partition: 1),
        .click("c", at: -20_000, 91), .click("d", at: 4, 3, topic: "other"),
        .click("e", at: 5, 4, partition: 1),
      ]
      var first: [SessionView] = []
      for change in changes { first += try store.fold(change) }
      #expect(
        short(first) == [
          "applied 1 a", "applied 2 a b", "late 2 a b", "applied 3 a b d", "applied 4 b d e",
        ]
      )
      for (change, view) in zip(changes, first).reversed() {
        #expect(try store.fold(change) == [view.redelivered])
      }
    },
    SessionConformance("the four latest partitions are remembered") { world in
      var store = try world.makeStore(limits)
      let places: [(partition: Int32, offset: Int64)] = [
        (0, 7), (1, 1), (2, 1), (3, 1), (0, 8), (4, 1),
      ]
      for place in places {
        _ = try store.fold(.click("p", at: 1, place.offset, partition: place.partition))
      }
      #expect(short(try store.fold(.click("p", at: 1, 7))) == ["redelivered 1 p"])
      for partition in [2, 3, 4] as [Int32] {
        #expect(
          try store.fold(.click("p", at: 1, 1, partition: partition))[0].outcome == .redelivered
        )
      }
      #expect(short(try store.fold(.click("p", at: 1, 1, partition: 1))) == ["applied 7 p p p"])
    },
    SessionConformance("an offset passed over is as of the record before it") { world in
      var store = try world.makeStore(limits)
      _ = try store.fold(.click("a", at: 1, 10), .click("b", at: 2, 20), .click("c", at: 3, 30))
      #expect(short(try store.fold(.click("x", at: 9, 25))) == ["redelivered 2 a b"])
      #expect(short(try store.fold(.click("x", at: 9, 5))) == ["redelivered 0"])
    },
  ]
}

extension SessionView {
  /// The same view, given again.
  var redelivered: SessionView {
    SessionView(outcome: .redelivered, items: items, ordinal: ordinal)
  }
}
