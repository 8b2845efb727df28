import Evaluation
import Foundation
import Kafka
import Logging
import Network
import Service

/// A worker with topics of its own, fed and read in this process.
struct DemoStage {
  /// Clicks that may be under way at once: the broker in this process forgets beyond 5 MiB.
  private static let lead = 2_000
  private static let patience: Duration = .seconds(60)

  private let configuration: Configuration
  private let bootstrap: String
  private let broker: EmbeddedBroker?

  static func eventID(_ number: Int) -> String { "f\(number)" }

  init(
    name: String,
    model: String,
    brokers: String?,
    redis: String?,
    settings: [(key: String, value: String)]
  ) throws {
    let topics = ["clicks", "suggestions", "dlq"].map { "\(name)-\($0)" }
    if let brokers {
      broker = nil
      bootstrap = brokers
    } else {
      let embedded = try EmbeddedBroker()
      for topic in topics { try embedded.createTopic(topic, partitions: 4) }
      broker = embedded
      bootstrap = embedded.bootstrapServers
    }
    configuration = try Configuration.load(
      file: nil,
      overrides: [
        ("kafka.brokers", bootstrap), ("kafka.group", name), ("topics.clicks", topics[0]),
        ("topics.suggestions", topics[1]), ("topics.dead_letters", topics[2]),
        ("topics.create", brokers == nil ? "false" : "true"),
        ("redis.address", redis ?? "embedded"),
        ("redis.prefix", name), ("sessions.ttl_ms", "1h"), ("sessions.lateness", "1h"),
        ("model.directory", model), ("http.port", "0"), ("log.level", "warning"),
        ("log.format", "text"),
        // The mock does not answer a waiting fetch early; a real broker does.
        ("kafka.consumer.properties.fetch.wait.max.ms", brokers == nil ? "5" : "100"),
      ] + settings,
      environment: [:]
    )
  }

  /// Sees that brokers and Redis are there, before anybody waits for a model.
  func check() throws {
    let checks = Validation.brokers(configuration) + [Validation.redis(configuration)]
    let wrong = checks.filter { !$0.isOK }.map(\.text)
    if !wrong.isEmpty { throw WorkerFailure(reason: wrong.joined(separator: "\n")) }
  }

  /// Starts worker and reader, streams the clicks, and returns once every suggestion is back.
  func perform(_ clicks: [FileClick], rate: Double?) async throws -> SuggestionReader {
    let worker = try Worker(
      configuration: configuration,
      model: loadModel(configuration.model.directory),
      logger: makeLogger(configuration)
    )
    let signals = StopSignals { worker.stop() }
    defer { signals.cancel() }
    let reader = SuggestionReader()
    async let ended: Void = worker.run()
    async let read: Void = onThread { try reader.run(bootstrap, configuration.topics.suggestions) }
    do {
      try await onThread {
        try wait("the worker's and the reader's partitions", worker) {
          reader.isReady && worker.assignedPartitions > 0
            && worker.health.ready(nowMs: Worker.monotonicMs()).isOK
        }
        try feed(clicks, rate: rate, reader, worker)
      }
    } catch {
      writeToStandardError("\(error)\n")
    }
    worker.stop()
    reader.stop()
    try await read
    try await ended
    return reader
  }

  private func feed(
    _ clicks: [FileClick],
    rate: Double?,
    _ reader: SuggestionReader,
    _ worker: Worker
  ) throws {
    var feed = try ClickFeed(
      settings: ["bootstrap.servers": bootstrap, "linger.ms": "5"],
      topic: configuration.topics.clicks,
      prefix: "f",
      time: .now,
      patience: Self.patience
    )
    var pace = Pace(perSecond: rate)
    for (number, click) in clicks.enumerated() {
      pace.wait()
      if number - reader.count >= Self.lead {
        try wait("suggestions", worker) { number - reader.count < Self.lead }
      }
      try feed.send(click, number: number)
    }
    try feed.finish()
    try wait("the last suggestions", worker) { reader.count >= clicks.count }
  }

  private func wait(_ what: String, _ worker: Worker, until isThere: () -> Bool) throws {
    let deadline = ContinuousClock.now + Self.patience
    while !isThere() {
      if worker.mustStop { throw WorkerFailure(reason: "the worker was stopped") }
      if ContinuousClock.now > deadline {
        throw WorkerFailure(reason: "\(what) did not come within \(Self.patience)")
      }
      Thread.sleep(forTimeInterval: 0.002)
    }
  }
}

/// Runs blocking work on a thread of its own.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}
