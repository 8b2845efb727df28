internal import Pipeline
internal import Sessions

/// Asks the session store, while no click does, whether it is there.
struct StoreWatch {
  /// A worker that is idle looks once a second; between looks further apart clicks came, and waited
  /// for the store by themselves.
  private static let apartMs: Int64 = 10_000

  private var patience: Patience
  private var lookedMs: Int64?
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
    if let lookedMs, startedMs - lookedMs > Self.apartMs { patience.succeeded() }
    defer { lookedMs = nowMs() }
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
