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

  /// From the bound of the first wait to that of the last ones.
  package static let boundsMs = 50...2_000

  private let fatalAfterMs: Int64
  private let boundsMs: ClosedRange<Int>
  private var failingSinceMs: Int64?
  private var boundMs: Int

  package init(fatalAfterMs: Int64, boundsMs: ClosedRange<Int> = Patience.boundsMs) {
    self.fatalAfterMs = fatalAfterMs
    self.boundsMs = boundsMs
    boundMs = boundsMs.lowerBound
  }

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
    boundMs = min(2 * boundMs, boundsMs.upperBound)
    return .wait(ms: Int(min(Int64(wait), leftMs)))
  }

  /// Forgets the failures: it worked, or is no longer tried.
  package mutating func succeeded() {
    failingSinceMs = nil
    boundMs = boundsMs.lowerBound
  }
}
