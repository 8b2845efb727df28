package import Events
package import Learning
package import Sessions

/// What one record turned out to be.
package enum Event: Equatable, Sendable {
  case click(Click)
  case erase(user: String)
  /// A click of a type that the configuration does not count.
  case ignored
  /// Read again for the sessions alone: what it led to was published before.
  case rebuilt
  case dead(DeadLetter)
}

/// What a batch became on its way, one entry a record, in the order of the log.
package struct Turn: Sendable {
  /// Why a batch was given up.
  package enum Abandonment: Equatable, Sendable, CustomStringConvertible {
    /// They belong to somebody else by now, or may do.
    case partitionsMoved
    /// It did not stick.
    case failed(PipelineFailure)
    /// The worker was asked to stop while it waited.
    case stopping

    /// A name of few, to count by.
    package var name: String {
      switch self {
      case .partitionsMoved: "partitions_moved"
      case .failed(let failure): failure.dependency.rawValue
      case .stopping: "stopping"
      }
    }

    package var description: String {
      switch self {
      case .partitionsMoved: "partitions moved"
      case .failed(let failure): "\(failure)"
      case .stopping: "asked to stop"
      }
    }
  }

  /// The steps of a turn, in order.
  package enum Stage: String, CaseIterable, Sendable {
    case consume, decode, session, batch, encode, denoise, match, learn, publish, commit
  }

  /// A partition whose sessions are folded again, for the store has lost them, or never had them.
  package struct Rebuild: Equatable, Sendable {
    package let partition: Partition
    /// What the store has folded.
    package let from: Int64
    /// The first offset that the topic still keeps.
    package let kept: Int64
    /// From there on it is served.
    package let until: Int64
    /// Whether the store knew how far it was.
    package let isKnown: Bool

    /// Whether clicks are gone from the topic that the store has not folded.
    package var isIncomplete: Bool { isKnown && from < kept }
  }

  /// What a partition kept no longer when it came to us, though the group had not read it.
  package struct Gap: Equatable, Sendable {
    package let partition: Partition
    /// Where the group would have gone on.
    package let from: Int64
    /// The first offset that the topic still keeps.
    package let until: Int64

    /// At most so many messages: what marks the ends of transactions takes offsets too.
    package var count: Int { Int(until - from) }
  }

  /// Whether lessons could be handed on, or why not.
  package enum Learning: Equatable, Sendable { case succeeded, failed(String) }

  /// Rebuilds that began with this turn.
  package var rebuilds: [Rebuild] = []
  /// Clicks that were found gone before anybody read them.
  package var gaps: [Gap] = []
  package var records: [Record] = []
  package var events: [Event] = []
  /// The session as of each event; `nil` for what has no session.
  package var views: [SessionView?] = []
  /// What is published for each click; `nil` for what is not a click.
  package var suggestions: [Suggestion?] = []
  /// What its clicks teach, in their order.
  package var lessons: [Lesson] = []
  /// What is known from now on, if lessons of this worker or others were learned.
  package var learned: LiveTable?
  /// What became of handing lessons on, if that was tried.
  package var learning: Learning?
  /// Lessons that waited for too long, and are lost.
  package var lessonsDropped = 0
  /// Milliseconds from each click's time, or its message's if that is later, to its publishing;
  /// clicks without either are left out.
  package var latencyMs: [Int64] = []
  /// Clicks in those sessions that the model does not know.
  package var unknownItems = 0
  /// Nanoseconds spent in each stage.
  package var nanoseconds: [Stage: UInt64] = [:]
  /// Failures that were waited out, by who caused them.
  package var retries: [PipelineFailure.Dependency: Int] = [:]
  /// Whether the session store was asked, and has answered since it last failed.
  package var storeAnswered = false
  /// Why nothing was committed, and what is still ours will come again; `nil` when it was.
  package var abandoned: Abandonment?
}
