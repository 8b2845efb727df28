internal import Foundation
internal import Kafka
internal import Learning
package import Logging
package import Network

package import Sessions
internal import Synchronization

/// The worker: pipelines on threads of their own, a port that tells how they are, and one way to
/// end.
package final class Worker: Sendable {
  package let health: Health
  package let metrics = WorkerMetrics()
  let configuration: Configuration
  let model: Model
  let bootstrap: String
  let logger: Logger
  /// In-process sessions, when the configuration asks for no Redis; all pipelines share them.
  let memory: MemorySessions?
  /// What clicks teach, where it is kept in this process.
  let lessons: MemoryLessons
  private let isStopping = Atomic(false)
  /// Partitions of each pipeline.
  private let partitions = Mutex<[Int: Int]>([:])
  /// Why it has to end, if it is not because it was asked to.
  private let failure = Mutex<WorkerFailure?>(nil)
  private let broker: EmbeddedBroker?

  package static func monotonicNs() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
  package static func monotonicMs() -> Int64 { Int64(monotonicNs() / 1_000_000) }
  package static func wallMs() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

  /// Makes a worker; nothing is connected to yet, but for the broker in this process if one is
  /// asked for.
  package init(
    configuration: Configuration,
    model: Model,
    logger: Logger
  ) throws(WorkerFailure) {
    self.configuration = configuration
    self.model = model
    self.logger = logger
    logger.info(
      "starting",
      metadata: [
        "brokers": "\(configuration.kafka.brokers.text)", "model": "\(model.manifest.version)",
        "pipelines": "\(configuration.worker.pipelines)",
      ]
    )
    let refused = Validation.properties(configuration).filter { !$0.isOK }
    if !refused.isEmpty {
      throw WorkerFailure(
        reason: refused.map(\.text).joined(separator: "; "),
        isConfiguration: true
      )
    }
    health = Health(
      pipelines: configuration.worker.pipelines,
      nowMs: Self.monotonicMs(),
      // A turn may wait for a dependency until that counts as fatal.
      turnWithinMs: configuration.faults.fatalAfterMs + 60_000,
    )
    do throws(KafkaFailure) {
      (bootstrap, broker) = try Self.brokers(configuration)
    } catch {
      throw WorkerFailure(reason: "kafka at \(configuration.kafka.brokers.text): \(error)")
    }
    memory =
      configuration.redis.endpoint == .embedded
      ? MemorySessions(limits: configuration.sessionLimits, nowMs: Self.wallMs) : nil
    lessons = MemoryLessons()
    metrics.buildInfo[Self.version, model.manifest.version].set(1)
    note(.model, isOK: true, "\(model.manifest.name) \(model.manifest.version)")
  }

  package static let version = "0.1.0"
  private static let topicTimeoutMs = 30_000

  /// Where the brokers are; makes the topics where that is asked for.
  private static func brokers(
    _ configuration: Configuration
  ) throws(KafkaFailure) -> (String, EmbeddedBroker?) {
    let (names, partitions) = (configuration.topics.all, configuration.topics.partitions)
    switch configuration.kafka.brokers {
    case .list(let list):
      if configuration.topics.create {
        let admin = try Admin(settings: configuration.connectionSettings(bootstrap: list))
        // Who may not make topics may still work with those that are there.
        let there = try admin.metadata(timeoutMs: topicTimeoutMs).partitions
        let topics = names.filter { there[$0] == nil }
          .map { NewTopic(name: $0, partitions: partitions) }
        try admin.createTopics(topics, timeoutMs: topicTimeoutMs)
      }
      return (list, nil)
    case .embedded:
      let broker = try EmbeddedBroker()
      for name in names { try broker.createTopic(name, partitions: partitions) }
      return (broker.bootstrapServers, broker)
    }
  }

  /// Asks the pipelines to finish their batches, commit, leave the group and end.
  package func stop() {
    isStopping.store(true, ordering: .relaxed)
    health.stopping()
  }

  /// Partitions that are ours, over all pipelines.
  package var assignedPartitions: Int { partitions.withLock { $0.values.reduce(0, +) } }

  /// Takes note of how a pipeline stands with its group.
  ///
  /// - Parameters:
  ///   - count: Its partitions; without any it is ready once it has joined.
  ///   - pipeline: Its number.
  ///   - hasJoined: Whether the group knows it.
  ///   - trouble: What keeps clicks from coming; then it is not ready.
  func assigned(_ count: Int, pipeline: Int, hasJoined: Bool, trouble: KafkaTrouble?) {
    partitions.withLock { $0[pipeline] = count }
    let total = assignedPartitions
    note(
      .kafka,
      isOK: trouble == nil && (total > 0 || hasJoined),
      "\(total) partitions assigned" + (trouble.map { "; \($0.reason)" } ?? "")
    )
  }

  /// Tells health and metrics how a dependency is.
  ///
  /// - Returns: Whether it has just failed, or has just left that state.
  @discardableResult
  func note(_ dependency: Health.Dependency, isOK: Bool, _ detail: String) -> Bool {
    metrics.dependencyUp[dependency.rawValue].set(isOK ? 1 : 0)
    return health.set(dependency, isOK: isOK, detail)
  }

  package var mustStop: Bool { isStopping.load(ordering: .relaxed) }

  /// Works until ``stop()`` is called or a pipeline cannot go on.
  ///
  /// - Throws: What made it impossible, or that it did not end within its budget.
  package func run() async throws(WorkerFailure) {
    let endpoint = try await openPort()
    let ends = AsyncStream.makeStream(of: WorkerFailure?.self)
    for number in 0..<configuration.worker.pipelines {
      let thread = Thread {
        do throws(WorkerFailure) {
          try self.runPipeline(number)
          ends.continuation.yield(nil)
        } catch {
          // Told at once: another pipeline may never end.
          self.logger.error(
            "a pipeline failed",
            metadata: ["pipeline": "\(number)", "reason": "\(error.reason)"]
          )
          ends.continuation.yield(error)
        }
      }
      thread.name = "pipeline \(number)"
      thread.stackSize = 8 << 20
      thread.start()
    }
    let failure = await firstFailure(of: ends.stream)
    await endpoint?.stop()
    if let failure { throw failure }
    logger.info("stopped")
  }

  private func openPort() async throws(WorkerFailure) -> HTTPEndpoint? {
    guard let port = configuration.http.port else { return nil }
    do throws(HTTPFailure) {
      let endpoint = try await HTTPEndpoint(
        host: configuration.http.host,
        port: port,
        health: health,
        metrics: metrics,
        nowMs: Self.monotonicMs,
      )
      logger.info("listening", metadata: ["http": "\(configuration.http.host):\(endpoint.port)"])
      return endpoint
    } catch {
      throw WorkerFailure(reason: error.reason, isConfiguration: true)
    }
  }

  /// Waits for every pipeline to end, after the first that fails no longer than their budget.
  ///
  /// - Returns: The first failure; without one, that they did not end in time.
  func firstFailure(of ends: AsyncStream<WorkerFailure?>) async -> WorkerFailure? {
    let budgetMs = configuration.shutdown.budgetMs
    await withTaskGroup { group in
      group.addTask {
        var left = self.configuration.worker.pipelines
        for await failure in ends {
          if let failure { self.fail(failure) }
          left -= 1
          if left == 0 { break }
        }
      }
      group.addTask {
        while !self.mustStop, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(50)) }
        try? await Task.sleep(for: .milliseconds(budgetMs))
        if Task.isCancelled { return }
        self.fail(
          WorkerFailure(reason: "the pipelines did not end within shutdown.budget, \(budgetMs) ms")
        )
      }
      _ = await group.next()
      group.cancelAll()
    }
    return failure.withLock { $0 }
  }

  /// Ends the worker; the first reason is what it ends with.
  private func fail(_ reason: WorkerFailure) {
    failure.withLock { $0 = $0 ?? reason }
    stop()
  }
}

/// Why the worker could not start or go on.
package struct WorkerFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String
  /// Whether the configuration is at fault, and not something it depends on.
  package let isConfiguration: Bool

  package init(reason: String, isConfiguration: Bool = false) {
    self.reason = reason
    self.isConfiguration = isConfiguration
  }

  package var description: String { reason }
}

extension Configuration {
  package var sessionLimits: SessionLimits {
    SessionLimits(
      maxLength: sessions.maxLength,
      slack: sessions.slack,
      latenessMs: sessions.latenessMs,
      timeToLiveMs: sessions.ttlMs,
    )
  }
}

extension Configuration.Kafka.Brokers {
  /// As the setting has it.
  fileprivate var text: String {
    switch self {
    case .embedded: "embedded"
    case .list(let list): list
    }
  }
}

extension Configuration.Topics {
  /// Every topic the worker reads or writes.
  package var all: [String] { [clicks, suggestions, deadLetters] }
}
