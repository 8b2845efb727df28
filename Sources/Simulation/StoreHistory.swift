internal import Sessions

/// The session store as it is, and as it was: a failover goes back to one of the latter.
struct StoreHistory {
  private static let kept = 24

  let limits: SessionLimits
  private(set) var server = SessionServer()
  /// Which server answers: connections to another one are broken.
  private(set) var incarnation = 0
  private var earlier: [SessionServer] = []

  init(_ limits: SessionLimits) { self.limits = limits }

  /// Writes, so that the write can be lost.
  mutating func write<Result, Failure: Error>(
    _ body: (inout SessionServer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if earlier.count == Self.kept { earlier.removeFirst() }
    earlier.append(server)
    return try body(&server)
  }

  /// Loses the latest writes: a replica that was that far behind takes over.
  mutating func failOver(losing writes: Int) {
    if writes > 0, let older = earlier.dropLast(writes - 1).last { server = older }
    earlier = []
    incarnation += 1
  }

  /// Starts again with nothing.
  mutating func restartEmpty() {
    server = SessionServer()
    earlier = []
    incarnation += 1
  }
}
