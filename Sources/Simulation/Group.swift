internal import Events

/// A consumer group as its coordinator keeps it: members, generations, committed offsets.
struct Group {
  enum Answer: Equatable { case fine, rebalancing, unknownMember, oldGeneration }

  private struct Member {
    var heardMs: Int64
    /// Whether it has asked to be in the generation to come.
    var hasJoined = true
    /// What it says it has, of which a cooperative group takes nothing without its leave.
    var owned: Set<Int>
    var assigned: Set<Int> = []
  }

  private let partitions: Int
  private let isCooperative: Bool
  private(set) var generation: Int32 = 0
  private var members: [String: Member] = [:]
  private var named = 0
  /// By when everybody has to have joined; `nil` when the group is settled.
  private var untilMs: Int64?
  private(set) var committed: [Int: Int64] = [:]
  /// Offsets in transactions that have not ended, by producer.
  private var pending: [Int: [Int: Int64]] = [:]

  init(partitions: Int, isCooperative: Bool) {
    self.partitions = partitions
    self.isCooperative = isCooperative
  }

  var hasPending: Bool { !pending.isEmpty }

  /// Asks to be in the next generation, as a newcomer without a name.
  ///
  /// - Returns: The member's name; `nil` if it has one that the group does not know any more.
  mutating func join(_ name: String?, owned: Set<Int>, nowMs: Int64) -> String? {
    if let name, members[name] == nil { return nil }
    if name == nil { named += 1 }
    let name = name ?? "m\(named)"
    if untilMs == nil { prepare(nowMs) }
    members[name] = Member(heardMs: nowMs, owned: owned)
    completeIfJoined(nowMs)
    return name
  }

  /// What a member that has joined is given, once everybody has.
  mutating func sync(
    _ name: String,
    nowMs: Int64
  ) -> (answer: Answer, generation: Int32, assigned: Set<Int>) {
    guard let member = members[name] else { return (.unknownMember, -1, []) }
    if untilMs != nil {
      // The generation it waited for came, and the next is due already.
      return (member.hasJoined ? .rebalancing : .oldGeneration, generation, [])
    }
    members[name]?.heardMs = nowMs
    return (.fine, generation, member.assigned)
  }

  mutating func heartbeat(_ name: String, _ generation: Int32, nowMs: Int64) -> Answer {
    let answer = check(name, generation)
    if answer != .fine { return answer }
    members[name]?.heardMs = nowMs
    return untilMs == nil ? .fine : .rebalancing
  }

  mutating func leave(_ name: String, nowMs: Int64) {
    if members.removeValue(forKey: name) == nil { return }
    if untilMs == nil { prepare(nowMs) }
    completeIfJoined(nowMs)
  }

  /// Drops members that were not heard of for too long.
  mutating func tick(nowMs: Int64) {
    // Who waits for the others need not say so again.
    let silent = members.filter {
      !(untilMs != nil && $0.value.hasJoined)
        && nowMs - $0.value.heardMs > Scenario.sessionTimeoutMs
    }
    for name in silent.keys { members[name] = nil }
    if !silent.isEmpty, untilMs == nil { prepare(nowMs) }
    if let untilMs, nowMs >= untilMs { members = members.filter { $0.value.hasJoined } }
    completeIfJoined(nowMs)
  }

  /// Commits offsets, if they come from a member of the generation there is.
  mutating func commit(_ offsets: [Int: Int64], by member: Membership) -> Answer {
    let answer = check(member.member, member.generation)
    if answer == .fine { committed.merge(offsets) { $1 } }
    return answer
  }

  /// Takes offsets that count once the producer's transaction is committed.
  mutating func hold(
    _ offsets: [Int: Int64],
    by member: Membership,
    producer: Int
  ) -> Answer {
    // Of who says nothing of itself nothing is asked: producers of old did not.
    let answer = member.isMember ? check(member.member, member.generation) : .fine
    if answer == .fine { pending[producer, default: [:]].merge(offsets) { $1 } }
    return answer
  }

  mutating func settle(producer: Int, isCommit: Bool) {
    guard let offsets = pending.removeValue(forKey: producer), isCommit else { return }
    committed.merge(offsets) { $1 }
  }

  /// Commits whatever anybody says; no broker does that.
  mutating func commitUnchecked(_ offsets: [Int: Int64]) { committed.merge(offsets) { $1 } }

  /// The committed offsets; `nil` while a transaction may still change one of them.
  func stable(_ asked: Set<Int>) -> [Int: Int64]? {
    if pending.values.contains(where: { !asked.isDisjoint(with: $0.keys) }) { return nil }
    return committed.filter { asked.contains($0.key) }
  }

  private func check(_ name: String, _ generation: Int32) -> Answer {
    if members[name] == nil { return .unknownMember }
    return generation == self.generation ? .fine : .oldGeneration
  }

  private mutating func prepare(_ nowMs: Int64) {
    untilMs = nowMs + Scenario.rebalanceTimeoutMs
    for name in members.keys { members[name]?.hasJoined = false }
  }

  private mutating func completeIfJoined(_ nowMs: Int64) {
    if untilMs == nil || !members.values.allSatisfy(\.hasJoined) { return }
    untilMs = nil
    generation += 1
    let names = members.keys.sorted()
    for name in names {
      members[name]?.heardMs = nowMs
      members[name]?.assigned = []
    }
    if names.isEmpty { return }
    if isCooperative { assignSticky(names) } else { assignInTurn(names) }
  }

  /// Deals partitions out anew, shifted by one with every generation, so that many change hands.
  private mutating func assignInTurn(_ names: [String]) {
    for partition in 0..<partitions {
      let name = names[(partition + Int(generation)) % names.count]
      members[name]?.assigned.insert(partition)
    }
  }

  /// Lets everybody keep up to a fair share; what one has too many of is given to nobody before it
  /// is given back.
  private mutating func assignSticky(_ names: [String]) {
    let share = (partitions + names.count - 1) / names.count
    var free = Set(0..<partitions)
    for name in names {
      let owned = (members[name]?.owned ?? []).filter { free.contains($0) }.sorted()
      members[name]?.assigned = Set(owned.prefix(share))
      free.subtract(owned)
    }
    for partition in free.sorted() {
      let fewest = names.min {
        (members[$0]?.assigned.count ?? 0, $0) < (members[$1]?.assigned.count ?? 0, $1)
      }
      if let fewest { members[fewest]?.assigned.insert(partition) }
    }
  }
}
