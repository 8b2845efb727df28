import Testing

@testable import Simulation

@Suite("Enrolment")
struct EnrolmentTests {
  private var enrolment = Enrolment()

  private mutating func settle(_ assigned: Set<Int>, isCooperative: Bool = true) {
    enrolment.joined(as: "m")
    enrolment.synced(.fine, enrolment.generation + 1, assigned)
    _ = enrolment.serve(isCooperative: isCooperative)
  }

  @Test("the application hears of partitions when it asks, and not before")
  mutating func given() {
    #expect(enrolment.serve(isCooperative: true) == [.join])
    enrolment.joined(as: "m")
    enrolment.synced(.rebalancing, -1, [])
    #expect(enrolment.serve(isCooperative: true) == [])
    enrolment.synced(.fine, 3, [0, 1])
    #expect(enrolment.owned.isEmpty && enrolment.generation == 3)
    #expect(enrolment.serve(isCooperative: true) == [.assign([0, 1])])
    #expect(enrolment.owned == [0, 1] && enrolment.state == .settled)
  }

  @Test("an eager member gives everything up to join again, a cooperative one what it must")
  mutating func called() {
    settle([0, 1])
    enrolment.heard(.rebalancing)
    var eager = enrolment
    #expect(eager.serve(isCooperative: false) == [.revoke([0, 1], isLost: false), .join])
    #expect(enrolment.serve(isCooperative: true) == [.join])
    enrolment.joined(as: "m")
    enrolment.synced(.fine, 4, [1, 2])
    #expect(
      enrolment.serve(isCooperative: true)
        == [.revoke([0], isLost: false), .assign([2]), .join]
    )
    #expect(enrolment.owned == [1, 2] && enrolment.state == .called)
  }

  @Test("who is thrown out has lost everything", arguments: [true, false])
  mutating func lost(whileJoining: Bool) {
    settle([0, 1])
    if whileJoining {
      enrolment.joined(as: "m")
      enrolment.synced(.unknownMember, -1, [])
    } else {
      enrolment.heard(.oldGeneration)
    }
    #expect(enrolment.state == .lost && enrolment.generation < 0 && enrolment.name == nil)
    #expect(enrolment.serve(isCooperative: true) == [.revoke([0, 1], isLost: true), .join])
    #expect(enrolment.state == .out && enrolment.owned.isEmpty)
  }

  @Test("a generation that is over before it was heard of is joined again, keeping partitions")
  mutating func overtaken() {
    settle([0])
    enrolment.joined(as: "m")
    enrolment.synced(.oldGeneration, 5, [])
    #expect(enrolment.generation == 5 && enrolment.state == .called && enrolment.owned == [0])
  }
}
