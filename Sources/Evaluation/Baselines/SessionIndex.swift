/// The latest sessions, and by item which of them hold it: bounded, however long the stream is.
struct SessionIndex: Sendable {
  private let limits: SessionNeighbours.Limits
  /// By slot: the session's items, each once, by first click.
  private(set) var items: [[Int32]] = []
  /// By slot: which click of all clicks was the session's last.
  private(set) var lastClicks: [Int] = []
  /// By slot: the session's own number.
  private var sessions: [Int32] = []
  /// By item: the slots that hold it, in the order in which they first clicked it.
  private(set) var holders: [[Int32]] = []
  /// By session.
  private(set) var slots: [Int32: Int32] = [:]
  private var opened = 0
  private var clicks = 0

  init(_ limits: SessionNeighbours.Limits) { self.limits = limits }

  func holders(of item: Int32) -> [Int32] {
    holders.indices.contains(Int(item)) ? holders[Int(item)] : []
  }

  /// Appends a click to its session; one that is not kept (any more) starts with its history.
  mutating func append(_ item: Int32, to session: Int32, history: ArraySlice<Int32>) {
    guard item >= 0 else { return }
    var slot = slots[session]
    if slot == nil {
      let opened = open(session)
      for earlier in history.suffix(limits.items) where earlier >= 0 { add(earlier, to: opened) }
      slot = opened
    }
    guard let slot else { return }
    add(item, to: slot)
    clicks += 1
    lastClicks[Int(slot)] = clicks
  }

  /// Gives a session an empty slot, from the oldest session if there are as many as may be.
  private mutating func open(_ session: Int32) -> Int32 {
    let slot = Int32(opened % limits.sessions)
    opened += 1
    if slot == items.count {
      items.append([])
      lastClicks.append(0)
      sessions.append(session)
    } else {
      for item in items[Int(slot)] { remove(slot, from: item) }
      items[Int(slot)] = []
      slots[sessions[Int(slot)]] = nil
      sessions[Int(slot)] = session
    }
    slots[session] = slot
    return slot
  }

  private mutating func add(_ item: Int32, to slot: Int32) {
    if items[Int(slot)].contains(item) { return }
    if items[Int(slot)].count == limits.items {
      remove(slot, from: items[Int(slot)].removeFirst())
    }
    items[Int(slot)].append(item)
    holders.grow(toHold: item, filler: [])
    if holders[Int(item)].count == limits.candidates { holders[Int(item)].removeFirst() }
    holders[Int(item)].append(slot)
  }

  private mutating func remove(_ slot: Int32, from item: Int32) {
    if let place = holders[Int(item)].firstIndex(of: slot) { holders[Int(item)].remove(at: place) }
  }
}
