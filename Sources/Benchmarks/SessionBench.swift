internal import Events
package import Service
internal import Sessions

/// What folding a batch of clicks into sessions in Redis costs: one script call a user, all in one
/// round trip.
package struct SessionBench {
  private static let users = 2_000
  private let store: RedisSessions
  private let limits: SessionLimits

  /// - Parameter configuration: Where Redis is, and the bounds of sessions.
  /// - Throws: What is wrong with the address.
  package init(_ configuration: Configuration) throws(WorkerFailure) {
    store = try RedisSessions(configuration)
    limits = configuration.sessionLimits
  }

  /// Measures each size of batch, of a click a user, over users who come again and again.
  package func run(batches: [Int], _ stopwatch: Stopwatch) throws -> [Measurement] {
    let home = Partition(topic: "clicks", number: 0)
    let member = Membership(group: "bench", generation: 1, member: "bench")
    _ = try store.claim([home], for: member, afresh: [home])
    var click = 0
    var measurements: [Measurement] = []
    for batch in batches {
      func fold() throws {
        let changes = (0..<batch).map { _ in
          click += 1
          return UserChanges(
            user: "u\(click % Self.users)",
            changes: [
              SessionChange(
                position: Position(topic: "clicks", partition: 0, offset: Int64(click)),
                kind: .click(
                  item: "i\(click % 10_000)",
                  timestampMs: 1_700_000_000_000 + Int64(click),
                  eventID: "e\(click)"
                )
              )
            ]
          )
        }
        _ = try store.apply(changes)
      }
      let settings = ["batch": "\(batch)", "length": "\(limits.maxLength)"]
      measurements.append(
        try stopwatch.measure("sessions", settings, unit: "clicks", perCall: batch, fold)
      )
    }
    return measurements
  }
}
