import Events

/// One user's recent clicks, and which records they came from.
///
/// A value that ``fold(_:limits:)`` advances by one record. Every store must do the same with the
/// same records, whatever it keeps and wherever.
///
/// **As of.** A view is the last `maxLength` entries, by time, among those numbered up to its
/// ordinal. A record seen before is answered from its partition's trail, which knows the ordinal
/// it was given, with the very same view, as long as no more than `slack` newer records of the
/// user were folded, its partition is among the ``sourcesKept`` the user's records last came from,
/// and the session was neither erased nor forgotten in between. Why: every entry is cut from the
/// old end, so what remains of the entries up to ordinal k is those of then without some of the
/// oldest; each newer click takes at most one, and `slack` of them leave the last `maxLength`. A
/// record older than that gets what is left of its view; one older than the trail, an empty view.
package struct Session: Equatable, Sendable {
  /// Partitions whose offsets are remembered; a user has one unless the topic was repartitioned.
  package static let sourcesKept = 4

  struct Entry: Equatable, Sendable {
    var timestampMs: Int64
    /// The click's number among those applied, from 1: the order of arrival.
    var ordinal: Int
    var item: String
    var eventID: String?
  }

  /// By time, then by arrival.
  private(set) var entries: [Entry] = []
  /// The one of the latest change last.
  private(set) var trails: [Trail] = []
  /// Clicks applied, cut ones included.
  private(set) var count = 0

  package init() {}

  /// Nothing to keep: a new user, or one just erased.
  package var isEmpty: Bool { entries.isEmpty && trails.isEmpty }

  /// Advances by one record, unless it was seen before.
  package mutating func fold(_ change: SessionChange, limits: SessionLimits) -> SessionView {
    if let trail = trails.first(where: { $0.hasSeen(change.position) }) {
      let ordinal = change.kind == .erase ? 0 : trail.ordinal(at: change.position.offset)
      return view(.redelivered, asOf: ordinal, limits)
    }
    guard case .click(let item, let timestampMs, let eventID) = change.kind else {
      self = Session()
      return SessionView(outcome: .erased, items: [], ordinal: 0)
    }
    let timestamp = Self.clamped(timestampMs)
    let outcome = outcome(timestamp, eventID, limits)
    if outcome == .applied {
      count += 1
      insert(Entry(timestampMs: timestamp, ordinal: count, item: item, eventID: eventID), limits)
    }
    remember(change.position, limits)
    return view(outcome, asOf: count, limits)
  }

  /// Timestamps whose differences a double holds exactly: ±142,000 years around the epoch.
  package static func clamped(_ timestampMs: Int64) -> Int64 {
    let furthest: Int64 = 1 << 52
    return min(max(timestampMs, -furthest), furthest)
  }

  private func outcome(
    _ timestampMs: Int64,
    _ eventID: String?,
    _ limits: SessionLimits
  ) -> SessionView.Outcome {
    if let eventID, entries.contains(where: { $0.eventID == eventID }) { return .duplicate }
    if let newest = entries.last?.timestampMs, newest - timestampMs > limits.latenessMs {
      return .late
    }
    return .applied
  }

  /// Inserts behind everything of the same time, and cuts the oldest.
  private mutating func insert(_ entry: Entry, _ limits: SessionLimits) {
    let before = entries.lastIndex { $0.timestampMs <= entry.timestampMs } ?? -1
    entries.insert(entry, at: before + 1)
    let surplus = entries.count - (limits.maxLength + limits.slack)
    if surplus > 0 { entries.removeFirst(surplus) }
  }

  private mutating func remember(_ position: Position, _ limits: SessionLimits) {
    let known = trails.firstIndex {
      $0.topic == position.topic && $0.partition == position.partition
    }
    var trail = known.map { trails.remove(at: $0) } ?? Trail(position)
    trail.append(position.offset, ordinal: count, keeping: limits.slack + 1)
    if trails.count == Self.sourcesKept { trails.removeFirst() }
    trails.append(trail)
  }

  private func view(
    _ outcome: SessionView.Outcome,
    asOf ordinal: Int,
    _ limits: SessionLimits
  ) -> SessionView {
    var items: [String] = []
    items.reserveCapacity(min(limits.maxLength, entries.count))
    for entry in entries.reversed() where entry.ordinal <= ordinal {
      if items.count == limits.maxLength { break }
      items.append(entry.item)
    }
    items.reverse()
    return SessionView(outcome: outcome, items: items, ordinal: ordinal)
  }
}
