import KafkaProxy
import TestSupport
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
