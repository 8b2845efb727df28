/// When an event of the past is due, if time passes so many times as fast as it did.
package struct EventPace: Sendable {
  /// `nil` for as fast as it goes.
  private let times: Double?
  private var start: (at: ContinuousClock.Instant, eventMs: Int64)?

  package init(times: Double?) { self.times = times }

  /// How long the event is still to be waited for; one without a time is due at once.
  ///
  /// Time begins with the first event.
  package mutating func wait(
    for timestampMs: Int64?,
    now: ContinuousClock.Instant = .now
  ) -> Duration {
    guard let times, let timestampMs else { return .zero }
    let start = self.start ?? (now, timestampMs)
    self.start = start
    let due = start.at + .milliseconds(Double(timestampMs - start.eventMs) / times)
    return max(.zero, due - now)
  }
}
