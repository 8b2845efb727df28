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

  /// Says what to do after a failure at `nowMs`; `random` draws from a range.
  package mutating func failed(
    nowMs: Int64,
    random: (ClosedRange<Int>) -> Int = { Int.random(in: $0) }
  ) -> Action {
    let since = failingSinceMs ?? nowMs
    failingSinceMs = since
    if nowMs - since >= fatalAfterMs { return .giveUp(afterMs: nowMs - since) }
    let wait = random(1...boundMs)
    boundMs = min(2 * boundMs, Self.lastBoundMs)
    return .wait(ms: wait)
  }

  /// Forgets the failures: something worked.
  package mutating func succeeded() {
    failingSinceMs = nil
    boundMs = Self.firstBoundMs
  }
}
