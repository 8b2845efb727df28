internal import Events
internal import Sessions

extension Pipeline {
  /// Applies the batch to its users' sessions: one atomic call a user, all in one round trip.
  mutating func session(_ turn: inout Turn, epoch: Int) throws(Interruption) {
    // By bytes: two spellings of one character are two users to Kafka and Redis.
    var users: [[UInt8]: Int] = [:]
    var changes: [UserChanges] = []
    var owners: [[Int]] = []
    for (index, event) in turn.events.enumerated() {
      guard let (user, kind) = event.sessionChange else { continue }
      let change = SessionChange(position: turn.records[index].position, kind: kind)
      let key = Array(user.utf8)
      let place = users[key] ?? changes.count
      if place == changes.count {
        users[key] = place
        changes.append(UserChanges(user: user, changes: []))
        owners.append([])
      }
      changes[place].changes.append(change)
      owners[place].append(index)
    }
    turn.views = Array(repeating: nil, count: turn.events.count)
    defer { dropRebuilt(&turn) }
    if changes.isEmpty { return }

    let batch = changes
    var views: [[SessionView]] = []
    try timed(.session, &turn) { pipeline, turn throws(Interruption) in
      try pipeline.persist(&turn, epoch: epoch) { pipeline, turn throws(PipelineFailure) in
        do throws(SessionFailure) {
          views = try pipeline.store.apply(batch)
          turn.storeAnswered = true
        } catch {
          throw PipelineFailure(error)
        }
      }
    }
    for (place, indices) in owners.enumerated() {
      for (index, view) in zip(indices, views[place]) { turn.views[index] = view }
    }
  }

  private func dropRebuilt(_ turn: inout Turn) {
    if rebuilding.isEmpty { return }
    for index in turn.events.indices where isRebuilding(turn.records[index].position) {
      turn.events[index] = .rebuilt
      turn.views[index] = nil
    }
  }
}

extension Event {
  /// Whose session the event changes, and how.
  fileprivate var sessionChange: (user: String, kind: SessionChange.Kind)? {
    switch self {
    case .click(let click):
      return (
        click.user,
        .click(item: click.item, timestampMs: click.timestampMs, eventID: click.eventID)
      )
    case .erase(let user): return (user, .erase)
    case .ignored, .rebuilt, .dead: return nil
    }
  }
}
