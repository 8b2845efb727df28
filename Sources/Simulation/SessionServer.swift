internal import Events
internal import Sessions

/// What a session store keeps: a value, so that a failover can go back to an earlier one.
///
/// Sessions, marks and fences are one history: what is lost of it is lost from its end on, as
/// from a single Redis that replicates to another.
struct SessionServer {
  /// Who may write from a partition, and how far they have come.
  struct Fence {
    /// Grows with every claim: who claims again has lost what was underway.
    var epoch = 0
    var member: Membership
    var mark: Int64?
  }

  private(set) var sessions: [String: Session] = [:]
  private(set) var fences: [Partition: Fence] = [:]

  /// Takes a partition over.
  ///
  /// - Returns: The epoch to write with, and the offset before which everything is folded.
  mutating func claim(
    _ partition: Partition,
    for member: Membership,
    isAfresh: Bool
  ) throws(SessionFailure) -> (epoch: Int, mark: Int64?) {
    var fence = fences[partition] ?? Fence(member: member)
    if fence.member.generation > member.generation, !isAfresh {
      throw SessionFailure(remedy: .claim, reason: "\(partition) was claimed in a later generation")
    }
    fence.epoch += 1
    fence.member = member
    fences[partition] = fence
    return (fence.epoch, fence.mark)
  }

  func check(_ partition: Partition, _ epoch: Int?) throws(SessionFailure) {
    if let epoch, fences[partition]?.epoch == epoch { return }
    throw SessionFailure(remedy: .claim, reason: "\(partition) is not ours")
  }

  mutating func fold(_ one: UserChanges, _ limits: SessionLimits) -> [SessionView] {
    var session = sessions[one.user] ?? Session()
    let views = one.changes.map { session.fold($0, limits: limits) }
    sessions[one.user] = session.isEmpty ? nil : session
    return views
  }

  mutating func mark(_ partition: Partition, _ offset: Int64) { fences[partition]?.mark = offset }
}
