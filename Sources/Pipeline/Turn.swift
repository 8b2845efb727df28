package import Events
package import Sessions

/// What one record turned out to be.
package enum Event: Equatable, Sendable {
  case click(Click)
  case erase(user: String)
  /// A click of a type that the configuration does not count.
  case ignored
  case dead(DeadLetter)
}

/// What a batch became on its way, one entry a record, in the order of the log.
package struct Turn: Sendable {
  /// The steps of a turn, in order.
  package enum Stage: String, CaseIterable, Sendable {
    case consume, decode, session, batch, encode, denoise, match, publish, commit
  }

  package var records: [Record] = []
  package var events: [Event] = []
  /// The session as of each event; `nil` for what has no session.
  package var views: [SessionView?] = []
  /// What is published for each click; `nil` for what is not a click.
  package var suggestions: [Suggestion?] = []
  /// Milliseconds from each click's own time to its publishing.
  package var latencyMs: [Int64] = []
  /// Clicks in those sessions that the model does not know.
  package var unknownItems = 0
  /// Nanoseconds spent in each stage.
  package var nanoseconds: [Stage: UInt64] = [:]
  /// Failures that were waited out, by who caused them.
  package var retries: [PipelineFailure.Dependency: Int] = [:]
  /// Partitions were taken away meanwhile: nothing was committed, and it will all come again.
  package var abandoned = false
}
