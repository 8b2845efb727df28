internal import Pipeline
internal import Sessions

/// Asks the session store, while no click does, whether it is there.
struct StoreWatch {
  private var patience: Patience
  private let nowMs: () -> Int64

  /// A watch that gives up once the store has failed for `fatalAfterMs` on the growing clock
  /// `nowMs`.
  init(fatalAfterMs: Int64, nowMs: @escaping () -> Int64) {
    patience = Patience(fatalAfterMs: fatalAfterMs)
    self.nowMs = nowMs
  }

  /// Returns why the store does not answer, `nil` if it does.
  ///
  /// - Throws: When it never will, or has not for too long.
  mutating func look(
    _ ping: () throws(SessionFailure) -> Void
  ) throws(PipelineFailure) -> String? {
    let startedMs = nowMs()
    do throws(SessionFailure) {
      try ping()
      patience.succeeded()
      return nil
    } catch {
      var failure = PipelineFailure(remedy: .stop, dependency: .sessions, reason: error.reason)
      if error.remedy == .stop { throw failure }
      if case .giveUp(let ms) = patience.failed(startedMs: startedMs, nowMs: nowMs()) {
        failure.reason += "; it has failed for \(ms / 1_000) s"
        throw failure
      }
      return error.reason
    }
  }
}
