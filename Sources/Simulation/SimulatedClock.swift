internal import Pipeline
internal import Synchronization

/// The time of a simulated world: it stands still but for what is waited for.
final class SimulatedClock: Sendable {
  static let startMs: Int64 = 1_700_000_000_000

  private let passed = Atomic<Int64>(0)

  /// Milliseconds since the world began.
  var nowMs: Int64 { passed.load(ordering: .relaxed) }

  func advance(ms: Int) { passed.wrappingAdd(Int64(max(0, ms)), ordering: .relaxed) }

  var pipelineClock: PipelineClock {
    PipelineClock(
      wallMs: { Self.startMs + self.nowMs },
      monotonicNs: { UInt64(self.nowMs) * 1_000_000 },
    )
  }
}
