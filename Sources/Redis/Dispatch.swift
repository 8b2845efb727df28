/// Which calls of a batch go to which node next, until each has its answer.
///
/// It does no I/O: ``legs(by:)`` says what to send, ``take(_:of:from:map:)`` is told what came
/// back.
struct Dispatch: Sendable {
  typealias Address = RedisSettings.Address

  /// What one node is sent in one go.
  struct Leg: Equatable, Sendable {
    var node: Address
    /// Whether the node has to be given the script before.
    var loads: Bool
    /// Calls, by their places in the batch.
    var calls: [Int]
    /// Those of them that have to be preceded by `ASKING`.
    var asking: Set<Int> = []
  }

  private enum State: Equatable, Sendable {
    case open(asking: Address?)
    case answered(Reply)
  }

  /// How often calls are sent on: more than any sequence of moves has in practice.
  static let mostRounds = 6

  private let slots: [Int]
  private var states: [State]
  private var without: Set<Address> = []
  private var rounds = 0

  /// A batch of calls, by the slots of their keys.
  init(slots: [Int]) {
    self.slots = slots
    states = Array(repeating: .open(asking: nil), count: slots.count)
  }

  /// An answer per call, once every call has one.
  var replies: [Reply]? {
    var replies: [Reply] = []
    replies.reserveCapacity(states.count)
    for state in states {
      guard case .answered(let reply) = state else { return nil }
      replies.append(reply)
    }
    return replies
  }

  /// What to send: every call that has no answer yet, together with others of its node.
  ///
  /// - Throws: `retry` when nobody serves a slot, or nodes send calls on without end.
  mutating func legs(by map: SlotMap) throws(RedisFailure) -> [Leg] {
    rounds += 1
    if rounds > Self.mostRounds {
      throw RedisFailure(remedy: .retry, reason: "the nodes of Redis send calls to one another")
    }
    var legs: [Leg] = []
    var places: [Address: Int] = [:]
    for (index, state) in states.enumerated() {
      guard case .open(let asked) = state else { continue }
      guard let node = asked ?? map.owner(of: slots[index]) else {
        throw RedisFailure(
          remedy: .retry,
          reason: "no node of the Redis cluster serves slot \(slots[index])"
        )
      }
      let place = places[node] ?? legs.count
      if place == legs.count {
        places[node] = place
        legs.append(Leg(node: node, loads: without.remove(node) != nil, calls: []))
      }
      legs[place].calls.append(index)
      if asked != nil { legs[place].asking.insert(index) }
    }
    return legs
  }

  /// Takes in what a node answered to one call; a move is taken in by `map` too.
  ///
  /// - Returns: Whether the map proved out of date.
  mutating func take(
    _ reply: Reply,
    of call: Int,
    from node: Address,
    map: inout SlotMap
  ) -> Bool {
    states[call] = .answered(reply)
    guard case .error(let message) = reply else { return false }
    if RedisFailure.code(of: message) == "NOSCRIPT" {
      without.insert(node)
      // Where it was asked, it has to be asked again: the map still names another.
      states[call] = .open(asking: map.owner(of: slots[call]) == node ? nil : node)
      return false
    }
    switch Redirection(message, from: node) {
    case .moved(let slot, let node):
      map.move(slot, to: node)
      states[call] = .open(asking: nil)
      return true
    case .ask(let node):
      states[call] = .open(asking: node)
      return false
    case nil: return false
    }
  }
}
