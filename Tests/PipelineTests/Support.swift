import Events
import Pipeline
import Sessions
import Synchronization
import TestSupport

func text(_ text: String) -> [UInt8] { Array(text.utf8) }

func click(_ user: String, _ item: String, at ms: Int = 1_700_000_000_000) -> [UInt8] {
  text(#"{"user_id":"\#(user)","item_id":"\#(item)","timestamp":\#(ms)}"#)
}

func log(_ values: [(key: String?, value: [UInt8]?)]) -> [Record] {
  values.enumerated().map { offset, message in
    Record(
      position: Position(topic: "clicks", partition: 0, offset: Int64(offset)),
      key: message.key.map(text),
      value: message.value,
      timestampMs: 1_700_000_000_000,
      headers: [Header("traceparent", "00-\(offset)")]
    )
  }
}

/// A store that fails as told and then works.
final class FailingSessions: SessionStore {
  let inner: MemorySessions
  var failures: [SessionFailure]
  /// Called once it works; a rebalance can happen here.
  var onApply: () -> Void = {}
  /// Called before partitions are claimed.
  var onClaim: () -> Void = {}

  init(_ inner: MemorySessions, failures: [SessionFailure]) {
    self.inner = inner
    self.failures = failures
  }

  func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) throws(SessionFailure) -> [Partition: Int64] {
    onClaim()
    return try inner.claim(partitions, for: member, afresh: afresh)
  }

  func mark(_ next: [Position]) throws(SessionFailure) { try inner.mark(next) }

  func apply(_ batch: [UserChanges]) throws(SessionFailure) -> [[SessionView]] {
    if !failures.isEmpty { throw failures.removeFirst() }
    onApply()
    return try inner.apply(batch)
  }
}

/// Collects what a pipeline says it waits for.
final class Waits: Sendable {
  private let failures = Mutex<[PipelineFailure]>([])

  var reasons: [String] { failures.withLock { $0.map(\.reason) } }

  func note(_ failure: PipelineFailure) { failures.withLock { $0.append(failure) } }
}

func sessions(maxLength: Int = 5) -> MemorySessions {
  let limits = SessionLimits(
    maxLength: maxLength,
    slack: 64,
    latenessMs: 1_000_000,
    timeToLiveMs: 1_000_000_000
  )
  return MemorySessions(limits: limits) { 1_700_000_000_000 }
}

/// A pipeline in memory, with the tiny model as it is.
func plainPipeline<Store: SessionStore>(
  _ records: [Record],
  store: Store,
  _ options: PipelineOptions,
  clock: ManualClock = ManualClock()
) throws -> Pipeline<MemorySource, Store, MemorySink> {
  Pipeline(
    source: MemorySource(records),
    store: store,
    sink: MemorySink(),
    recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
    options: options,
    clock: clock.clock
  )
}
