import Events
package import Sessions
import Testing

/// A seeded log of a few users' clicks over a few partitions, delivered in batches with rewinds.
///
/// In it are late and early clicks, equal times, repeated event ids, erasures, and users that move
/// between partitions. The same seed delivers the same.
package struct RandomClicks {
  private struct Entry {
    var user: String
    var change: SessionChange
  }

  private var generator: SeededGenerator
  private var logs: [[Entry]] = [[], [], []]
  private var cursors = [0, 0, 0]
  private var offsets: [Int64] = [0, 5_000_000_000, 100]
  private var clockMs: Int64 = 1_700_000_000_000

  package init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// Delivers `batches` batches to a store and holds every view against ``PlainSessions``.
  ///
  /// - Returns: The views, to hold one store against another, and how many of them repeat an
  ///   earlier one as promised.
  package mutating func deliver(
    _ batches: Int,
    to store: inout any SessionStore,
    limits: SessionLimits
  ) throws -> (views: [[SessionView]], repeated: Int) {
    var plain = PlainSessions(limits: limits)
    var views: [[SessionView]] = []
    var repeated = 0
    for number in 0..<batches {
      let batch = nextBatch(limits)
      let given = try store.claimAndApply(batch)
      try #require(given.count == batch.count)
      for (one, got) in zip(batch, given) {
        try #require(got.count == one.changes.count)
        for (change, view) in zip(one.changes, got) {
          let expected = plain.expect(change, of: one.user)
          if expected == nil { #expect(view.outcome == .redelivered) }
          guard let expected else { continue }
          if view.outcome == .redelivered { repeated += 1 }
          try #require(view == expected, "batch \(number), \(one.user), \(change)")
        }
      }
      views += given
    }
    return (views, repeated)
  }

  private mutating func nextBatch(_ limits: SessionLimits) -> [UserChanges] {
    for _ in 0..<Int.random(in: 1...8, using: &generator) { append(limits) }
    for source in logs.indices where chance(0.1) {
      cursors[source] = max(0, cursors[source] - Int.random(in: 1...24, using: &generator))
    }
    var batch: [UserChanges] = []
    for _ in 0..<Int.random(in: 1...24, using: &generator) {
      let waiting = logs.indices.filter { cursors[$0] < logs[$0].count }
      guard let source = waiting.randomElement(using: &generator) else { break }
      let entry = logs[source][cursors[source]]
      cursors[source] += 1
      if let index = batch.firstIndex(where: { $0.user == entry.user }) {
        batch[index].changes.append(entry.change)
      } else {
        batch.append(UserChanges(user: entry.user, changes: [entry.change]))
      }
    }
    return batch
  }

  private mutating func append(_ limits: SessionLimits) {
    let number = Int.random(in: 0..<4, using: &generator)
    let source = chance(0.9) ? number % logs.count : Int.random(in: logs.indices, using: &generator)
    offsets[source] += Int64.random(in: 1...(chance(0.1) ? 100_000 : 3), using: &generator)
    let position = Position(
      topic: source == 2 ? "app" : "clicks",
      partition: Int32(source),
      offset: offsets[source]
    )
    let kind = chance(0.01) ? .erase : click(limits)
    let change = SessionChange(position: position, kind: kind)
    logs[source].append(Entry(user: "user \(number)", change: change))
  }

  private mutating func click(_ limits: SessionLimits) -> SessionChange.Kind {
    clockMs += Int64.random(in: 0...3, using: &generator) * 500
    // Now and then late, sometimes too late.
    let age =
      chance(0.25) ? Int64.random(in: 0...(limits.latenessMs * 3 / 2), using: &generator) : 0
    let id = Int.random(in: 0..<40, using: &generator)
    return .click(
      item: "item \(Int.random(in: 0..<20, using: &generator))",
      timestampMs: clockMs - age,
      eventID: chance(0.5) ? "event \(clockMs / 20_000) \(id)" : nil
    )
  }

  private mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &generator) < probability
  }
}
