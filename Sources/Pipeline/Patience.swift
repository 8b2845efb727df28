/// How long to wait after each failure in a row, and when to stop trying.
///
/// Full jitter: a wait is drawn evenly from nothing to a bound that doubles, so workers that lost
/// the same dependency do not all come back to it at once.
package struct Patience: Sendable {
  package enum Action: Equatable, Sendable {
    case wait(ms: Int)
    /// It has failed for this long: give up.
    case giveUp(afterMs: Int64)
  }

  package static let firstBoundMs = 50
  package static let lastBoundMs = 2_000

  private let fatalAfterMs: Int64
  private var failingSinceMs: Int64?
  private var boundMs = Patience.firstBoundMs

  package init(fatalAfterMs: Int64) { self.fatalAfterMs = fatalAfterMs }

  /// Says what to do after a failure; it is in a row with all since ``succeeded()``.
  ///
  /// - Parameters:
  ///   - startedMs: When the attempt began that failed; `nil` if it took no time.
  ///   - nowMs: When it failed.
  ///   - random: Draws from a range.
  /// - Returns: To wait, no longer than patience lasts, or that it is at its end.
  package mutating func failed(
    startedMs: Int64? = nil,
    nowMs: Int64,
    random: (ClosedRange<Int>) -> Int = { Int.random(in: $0) }
  ) -> Action {
    let since = failingSinceMs ?? startedMs ?? nowMs
    failingSinceMs = since
    let leftMs = fatalAfterMs - (nowMs - since)
    if leftMs <= 0 { return .giveUp(afterMs: nowMs - since) }
    let wait = random(1...boundMs)
    boundMs = min(2 * boundMs, Self.lastBoundMs)
    return .wait(ms: Int(min(Int64(wait), leftMs)))
  }

  /// Forgets the failures: it worked, or is no longer tried.
  package mutating func succeeded() {
    failingSinceMs = nil
    boundMs = Self.firstBoundMs
  }
}
