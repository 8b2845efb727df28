import Foundation
import KafkaProxy
import Testing

/// Gives tests a real broker, and threads of their own.
///
/// All tests of a run share the broker, which starts with the first of them; see ``SharedBroker``.
/// Tests that block would otherwise hold the few threads that Swift's tasks share.
struct BrokerTrait: SuiteTrait, TestTrait, TestScoping {
  let isRecursive = true

  func provideScope(
    for test: Test,
    testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(ThreadExecutor()) {
      _ = try SharedBroker.bootstrap()
      try await function()
    }
  }
}

extension Trait where Self == BrokerTrait {
  static var broker: Self { BrokerTrait() }
}

/// Gives every job a thread.
private final class ThreadExecutor: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = unsafe asUnownedTaskExecutor()
    Thread.detachNewThread { unsafe job.runSynchronously(on: executor) }
  }
}
