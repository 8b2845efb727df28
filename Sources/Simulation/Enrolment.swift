/// Where a consumer stands with its group.
///
/// A value that what it hears advances. What the application is to be told of that waits for
/// ``serve(isCooperative:)``, as librdkafka's rebalance callback waits for a poll.
struct Enrolment {
  enum State: Equatable {
    case out
    /// Asked to be in the next generation.
    case joining
    /// Given partitions, of which the application was not told yet.
    case given(Set<Int>)
    case settled
    /// A rebalance was announced, which was not answered yet.
    case called
    /// Thrown out, of which the application was not told yet.
    case lost
  }

  enum Action: Equatable {
    case revoke(Set<Int>, isLost: Bool)
    case assign(Set<Int>)
    case join
  }

  private(set) var state = State.out
  /// The name the group gave it.
  private(set) var name: String?
  private(set) var generation: Int32 = -1
  /// Partitions the application has.
  private(set) var owned: Set<Int> = []

  mutating func joined(as name: String) {
    self.name = name
    state = .joining
  }

  /// Hears what became of joining.
  mutating func synced(_ answer: Group.Answer, _ generation: Int32, _ assigned: Set<Int>) {
    switch answer {
    case .rebalancing: return
    case .fine:
      self.generation = generation
      state = .given(assigned)
    case .oldGeneration:
      // The generation it waited for has come and goes already.
      self.generation = generation
      state = .called
    case .unknownMember: lose()
    }
  }

  /// Hears the answer to a heartbeat.
  mutating func heard(_ answer: Group.Answer) {
    switch answer {
    case .fine: return
    case .rebalancing: if state == .settled { state = .called }
    case .unknownMember, .oldGeneration: lose()
    }
  }

  mutating func lose() { (name, generation, state) = (nil, -1, .lost) }

  /// Says what the application is told, in order, and whether to join.
  mutating func serve(isCooperative: Bool) -> [Action] {
    switch state {
    case .joining, .settled: return []
    case .lost:
      state = .out
      return revoke(owned, isLost: true) + [.join]
    case .out: return [.join]
    case .called: return (isCooperative ? [] : revoke(owned)) + [.join]
    case .given(let given):
      let gone = revoke(owned.subtracting(given))
      let added = given.subtracting(owned)
      owned.formUnion(added)
      // What was given up goes to somebody else in a generation of its own.
      state = gone.isEmpty ? .settled : .called
      return gone + [.assign(added)] + (gone.isEmpty ? [] : [.join])
    }
  }

  private mutating func revoke(_ gone: Set<Int>, isLost: Bool = false) -> [Action] {
    owned.subtract(gone)
    return gone.isEmpty ? [] : [.revoke(gone, isLost: isLost)]
  }
}
