package import Events
package import Sessions
import Testing

/// Where a kind of store is tried.
package protocol SessionWorld: Sendable {
  /// An empty store, apart from every other one made here.
  func makeStore(_ limits: SessionLimits) throws -> any SessionStore
  /// The same for two workers: what one folds, the other finds.
  func makePair(_ limits: SessionLimits) throws -> (any SessionStore, any SessionStore)
  /// Lets the clock that sessions age by move on.
  func letPass(milliseconds: Int) throws
}

/// One promise that every ``SessionStore`` keeps.
package struct SessionConformance: Sendable, CustomTestStringConvertible {
  let promise: String
  let check: @Sendable (any SessionWorld) throws -> Void

  package var testDescription: String { promise }

  package init(_ promise: String, _ check: @escaping @Sendable (any SessionWorld) throws -> Void) {
    self.promise = promise
    self.check = check
  }

  package func callAsFunction(in world: any SessionWorld) throws { try check(world) }

  /// Views of three clicks, four more kept behind them, ten seconds' lateness.
  package static let limits = SessionLimits(
    maxLength: 3,
    slack: 4,
    latenessMs: 10_000,
    timeToLiveMs: 3_600_000
  )

  package static let all = folding + asOf + forgetting + claims
}

extension SessionChange {
  package static func click(
    _ item: String,
    at timestampMs: Int64,
    _ offset: Int64,
    partition: Int32 = 0,
    topic: String = "clicks",
    id: String? = nil
  ) -> SessionChange {
    SessionChange(
      position: Position(topic: topic, partition: partition, offset: offset),
      kind: .click(item: item, timestampMs: timestampMs, eventID: id)
    )
  }

  package static func erase(_ offset: Int64, partition: Int32 = 0) -> SessionChange {
    SessionChange(
      position: Position(topic: "clicks", partition: partition, offset: offset),
      kind: .erase
    )
  }
}

extension SessionStore {
  /// One batch of one user.
  package mutating func fold(
    _ changes: SessionChange...,
    of user: String = "u"
  ) throws
    -> [SessionView]
  {
    let views = try claimAndApply([UserChanges(user: user, changes: changes)])
    return try #require(views.count == 1 ? views[0] : nil)
  }

  /// Applies a batch, having claimed its partitions where they are not ours.
  package mutating func claimAndApply(
    _ batch: [UserChanges],
    as member: Membership = Membership(group: "group", generation: 1, member: "member")
  ) throws(SessionFailure) -> [[SessionView]] {
    do throws(SessionFailure) { return try apply(batch) } catch {
      if error.remedy != .claim { throw error }
    }
    let partitions = Set(batch.flatMap { $0.changes.map(\.position.home) })
    _ = try claim(partitions, for: member, afresh: [])
    return try apply(batch)
  }
}

/// A view in short: `applied 3 a b c`.
package func short(_ views: [SessionView]) -> [String] {
  views.map { view in
    ([view.outcome.rawValue, String(view.ordinal)] + view.items).joined(separator: " ")
  }
}
