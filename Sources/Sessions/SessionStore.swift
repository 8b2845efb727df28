package import Events

/// What happens to one user's session because of one record.
package struct SessionChange: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case click(item: String, timestampMs: Int64, eventID: String?)
    /// Forget everything about the user.
    case erase
  }

  package var position: Position
  package var kind: Kind

  package init(position: Position, kind: Kind) {
    self.position = position
    self.kind = kind
  }
}

/// The changes of one user in one batch, in the order of the log.
package struct UserChanges: Equatable, Sendable {
  package var user: String
  package var changes: [SessionChange]

  package init(user: String, changes: [SessionChange]) {
    self.user = user
    self.changes = changes
  }
}

/// A session as of one change, however late it is asked for.
package struct SessionView: Equatable, Sendable {
  package enum Outcome: String, Sendable, CaseIterable {
    case applied
    /// The offset was seen before: nothing changed, and the view is the one given then.
    case redelivered
    /// The event id was seen before: nothing changed.
    case duplicate
    /// Older than the allowed lateness: nothing changed.
    case late
    case erased
  }

  package var outcome: Outcome
  /// Item ids by click time, oldest first, at most `maxLength`.
  package var items: [String]
  /// How many clicks of this user had been applied as of this change.
  ///
  /// It is the event's number in the user's history, which keys its noise, and it is equal whenever
  /// the same record is delivered again.
  package var ordinal: Int

  package init(outcome: Outcome, items: [String], ordinal: Int) {
    self.outcome = outcome
    self.items = items
    self.ordinal = ordinal
  }
}

/// The bounds of a session, the same for every store.
package struct SessionLimits: Equatable, Sendable {
  /// Clicks a view shows.
  package var maxLength: Int
  /// Clicks kept beyond those, so that a redelivered event finds the session it saw first.
  package var slack: Int
  /// A click older than the newest by more than this is ignored, in milliseconds.
  package var latenessMs: Int64
  /// A session nobody touches for this long is forgotten, in milliseconds.
  package var timeToLiveMs: Int64

  package init(maxLength: Int, slack: Int, latenessMs: Int64, timeToLiveMs: Int64) {
    self.maxLength = maxLength
    self.slack = slack
    self.latenessMs = latenessMs
    self.timeToLiveMs = timeToLiveMs
  }
}

/// Where sessions live.
///
/// Each user's changes are applied atomically, each at most once, and only for partitions that this
/// store has claimed and nobody has claimed since: a worker that lost a partition and does not know
/// yet writes nothing.
package protocol SessionStore {
  /// Takes partitions over: whoever claimed them before, with whatever of theirs is still on its
  /// way, can apply nothing from them any more. A claim ends with the connection it was made over:
  /// a store that lost its latest writes may still have it.
  ///
  /// - Parameters:
  ///   - partitions: Those that the group gave us.
  ///   - member: As whom, and in which generation of the group; another group's generations do not
  ///     count.
  ///   - afresh: Of those, the ones in which the group has committed nothing: a group that began
  ///     anew counts its generations anew.
  /// - Returns: For each partition the offset before which everything is folded; none where that is
  ///   not known, in a new store or in one that lost what it had.
  /// - Throws: `claim` if somebody claimed one of them in a later generation of the group.
  mutating func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) throws(SessionFailure) -> [Partition: Int64]

  /// Applies the changes of a batch, each user at most once in it.
  ///
  /// - Returns: For each user, a view per change, in order.
  /// - Throws: When the store did not answer: the same batch may then be applied again, and what
  ///   was applied already answers as `redelivered` with the same view. `claim` when a partition is
  ///   not ours, or the store forgot that it is; some users may then have been folded.
  mutating func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]]

  /// Remembers that everything before these positions is folded, for the next who claims.
  mutating func mark(_ next: [Position]) throws(SessionFailure)
}

/// Why sessions could not be read or written, and what to do.
package struct SessionFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Remedy: Equatable, Sendable {
    case retry
    /// Claim the partitions, and go back to what is committed.
    case claim
    case stop
  }

  package var remedy: Remedy
  package var reason: String

  package init(remedy: Remedy, reason: String) {
    self.remedy = remedy
    self.reason = reason
  }

  package var description: String { reason }
}
