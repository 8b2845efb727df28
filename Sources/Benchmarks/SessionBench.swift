internal import Events
package import Service
internal import Sessions

/// What folding a batch of clicks into sessions in Redis costs: one script call a user, all in one
/// round trip, on sessions that are as long as they get.
package struct SessionBench {
  /// Users who come again and again; as many at once as the largest batch.
  private static let users = 500
  private let store: RedisSessions
  private let limits: SessionLimits
  /// Of this run: what an earlier one folded is none of it.
  private let home: Partition
  private var clicks = 0

  /// - Parameter configuration: Where Redis is, and the bounds of sessions.
  /// - Throws: What is wrong with the address.
  package init(_ configuration: Configuration) throws(WorkerFailure) {
    store = try RedisSessions(configuration)
    limits = configuration.sessionLimits
    home = Partition(topic: "bench-\(UInt64.random(in: 0...UInt64.max))", number: 0)
  }

  /// Measures each size of batch, of a click a user.
  package mutating func run(batches: [Int], _ stopwatch: Stopwatch) throws -> [Measurement] {
    let users = max(Self.users, batches.max() ?? 0)
    let member = Membership(group: home.topic, generation: 1, member: "bench")
    _ = try store.claim([home], for: member, afresh: [home])
    for _ in 0..<limits.maxLength { try fold(users, of: users) }
    var measurements: [Measurement] = []
    for batch in batches {
      let settings = ["batch": "\(batch)", "length": "\(limits.maxLength)"]
      measurements.append(
        try stopwatch.measure("sessions", settings, unit: "clicks", perCall: batch) {
          try fold(batch, of: users)
        }
      )
    }
    return measurements
  }

  private mutating func fold(_ batch: Int, of users: Int) throws {
    let changes = (0..<batch).map { _ in
      clicks += 1
      return UserChanges(
        user: "\(home.topic)-\(clicks % users)",
        changes: [
          SessionChange(
            position: Position(topic: home.topic, partition: 0, offset: Int64(clicks)),
            kind: .click(
              item: "i\(clicks % 10_000)",
              timestampMs: 1_700_000_000_000 + Int64(clicks),
              eventID: "e\(clicks)"
            )
          )
        ]
      )
    }
    let views = try store.apply(changes)
    precondition(views.allSatisfy { $0.map(\.outcome) == [.applied] })
  }
}
