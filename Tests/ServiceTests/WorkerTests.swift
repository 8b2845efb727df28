import Foundation
import Kafka
import Logging
import TestSupport
import Testing

@testable import Service

@Suite("Worker, alone", .ownThread, .timeLimit(.minutes(1)))
struct WorkerTests {
  private let page = LoggingTests.Page()

  private func worker(_ settings: [(key: String, value: String)]) throws -> Worker {
    let page = page
    return try Worker(
      configuration: try Configuration.load(
        file: nil,
        overrides: [("http.port", "0")] + settings,
        environment: [:]
      ),
      model: TinyModel.make(),
      logger: Logger(label: "worker") {
        LogLines(label: $0, level: .info, format: .text, output: LogOutput { page.add($0) })
      }
    )
  }

  /// Whether the log has lines with these texts, in this order.
  private func logged(_ texts: [String]) -> Bool {
    var lines = page.lines[...]
    return texts.allSatisfy { text in
      guard let index = lines.firstIndex(where: { $0.contains(text) }) else { return false }
      lines = lines[(index + 1)...]
      return true
    }
  }

  @Test("it says what it does until its partitions are there, and works")
  func log() async throws {
    let worker = try worker([("kafka.consumer.properties.session.timeout.ms", "6000")])
    #expect(logged(["starting brokers=embedded"]))
    async let ended: Void = worker.run()
    let deadline = ContinuousClock.now + .seconds(30)
    while worker.assignedPartitions == 0, .now < deadline {
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(worker.health.ready(nowMs: Worker.monotonicMs()).isOK)
    worker.stop()
    try await ended
    #expect(
      logged(["starting", "listening", "joining the group group=dreamstream", "partitions "])
    )
  }

  @Test("properties that librdkafka refuses are the configuration's fault")
  func properties() throws {
    let failure = #expect(throws: WorkerFailure.self) {
      try worker([("kafka.properties.no.such", "1")])
    }
    #expect(failure?.isConfiguration == true)
    #expect(failure?.reason.contains("no.such") == true)
  }

  @Test("and so is a model that cannot be served, which is found before the group is joined")
  func model() async throws {
    let worker = try worker([("suggest.allow_file", "/no/list")])
    let failure = await #expect(throws: WorkerFailure.self) { try await worker.run() }
    #expect(failure?.isConfiguration == true && failure?.reason.contains("/no/list") == true)
    #expect(!page.lines.contains { $0.contains("joining the group") })
    #expect(logged(["a pipeline failed"]))
  }

  @Test("and so is a port that is taken")
  func port() async throws {
    let taken = try await HTTPEndpoint(
      host: "127.0.0.1",
      port: 0,
      health: Health(nowMs: 0),
      metrics: WorkerMetrics(),
      nowMs: { 0 }
    )
    let worker = try worker([("http.port", "\(taken.port)")])
    let failure = await #expect(throws: WorkerFailure.self) { try await worker.run() }
    #expect(failure?.isConfiguration == true)
    #expect(failure?.reason.contains("or stop the worker that has it") == true)
    await taken.stop()
  }

  @Test("topics that exist are not made: the embedded broker could not")
  func topics() throws {
    let broker = try EmbeddedBroker()
    for topic in ["a", "b", "c"] { try broker.createTopic(topic, partitions: 1) }
    let worker = try worker([
      ("kafka.brokers", broker.bootstrapServers), ("topics.create", "true"),
      ("topics.clicks", "a"), ("topics.suggestions", "b"), ("topics.dead_letters", "c"),
    ])
    #expect(worker.bootstrap == broker.bootstrapServers)
  }

  @Test("trouble makes it unready, partitions or not, and is named")
  func trouble() throws {
    let worker = try worker([("kafka.brokers", "127.0.0.1:1")])
    func kafka() -> Health.Check? {
      worker.health.ready(nowMs: 0).checks.first { $0.name == "kafka" }
    }
    worker.assigned(2, pipeline: 0, hasJoined: true, trouble: nil)
    #expect(kafka()?.isOK == true && kafka()?.detail == "2 partitions assigned")
    let trouble = KafkaTrouble(code: "A", reason: "all are down")
    worker.assigned(2, pipeline: 0, hasJoined: true, trouble: trouble)
    #expect(kafka()?.isOK == false && kafka()?.detail == "2 partitions assigned; all are down")
  }

  @Test("a Redis that stays away ends it, though no click comes")
  func idleWithoutRedis() async throws {
    let worker = try worker([("redis.address", "127.0.0.1:1"), ("faults.fatal_after", "1s")])
    let watchdog = Task {
      try await Task.sleep(for: .seconds(30))
      worker.stop()
    }
    let failure = await #expect(throws: WorkerFailure.self) { try await worker.run() }
    watchdog.cancel()
    #expect(failure?.isConfiguration == false)
    #expect(failure?.reason.hasPrefix("sessions: ") == true)
    #expect(failure?.reason.contains("; it has failed for ") == true)
    let redis = worker.health.ready(nowMs: 0).checks.first { $0.name == "redis" }
    #expect(redis?.isOK == false && redis?.detail.contains("; it has failed for ") == true)
  }

  @Test("asked to stop while Redis is away, it does not wait for that")
  func stopsWithoutRedis() async throws {
    let worker = try worker([
      ("redis.address", "127.0.0.1:1"), ("kafka.consumer.properties.session.timeout.ms", "6000"),
    ])
    async let ended: Void = worker.run()
    let deadline = ContinuousClock.now + .seconds(30)
    while !logged(["partitions assigned="]), .now < deadline {
      try await Task.sleep(for: .milliseconds(20))
    }
    worker.stop()
    try await ended
  }

  @Test("it ends with the first reason, though another pipeline never ends")
  func firstReason() async throws {
    let worker = try worker([("worker.pipelines", "2"), ("shutdown.budget", "1100ms")])
    let ends = AsyncStream.makeStream(of: WorkerFailure?.self)
    let reason = WorkerFailure(reason: "the first")
    ends.continuation.yield(reason)
    #expect(await worker.firstFailure(of: ends.stream) == reason)
    #expect(worker.mustStop)
  }

  @Test("and when none fails and one never ends, that is the reason")
  func neverEnds() async throws {
    let worker = try worker([("worker.pipelines", "2"), ("shutdown.budget", "1100ms")])
    let ends = AsyncStream.makeStream(of: WorkerFailure?.self)
    ends.continuation.yield(nil)
    worker.stop()
    let failure = await worker.firstFailure(of: ends.stream)
    #expect(failure?.reason.contains("did not end within shutdown.budget, 1100 ms") == true)
  }

  @Test("what is waited for is logged once, and once it is over")
  func waiting() throws {
    let worker = try worker([("kafka.brokers", "127.0.0.1:1")])
    let before = page.lines.count
    for _ in 0..<3 { worker.set(.redis, isOK: false, "no route") }
    for _ in 0..<3 { worker.set(.redis, isOK: true, "answering") }
    #expect(page.lines.count == before + 2)
    #expect(logged(["waiting for redis reason=no route", "redis answers again"]))
  }
}

@Suite("Validation", .ownThread, .timeLimit(.minutes(1)))
struct ValidationTests {
  private func wrong(_ settings: [(key: String, value: String)]) async throws -> [String] {
    let configuration = try Configuration.load(
      file: nil,
      overrides: [("http.port", "off"), ("model.directory", "/no/model")] + settings,
      environment: [:]
    )
    return await Validation.run(configuration).filter { !$0.isOK }.map(\.text)
  }

  @Test("a model that is not there comes with what to do")
  func model() async throws {
    let found = try await wrong([])
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("model: /no/model/manifest.json: ") == true)
    #expect(found.first?.contains("; train one with `dreamstream train --output DIR`") == true)
    #expect(found.first?.hasSuffix("give its directory with model.directory") == true)
  }

  @Test("a list that is not there is named by its setting, beside the model")
  func list() async throws {
    let found = try await wrong([("suggest.allow_file", "/no/list")])
    #expect(found.count == 2)
    #expect(
      found.first == "suggest.allow_file: /no/list: cannot open it: No such file or directory"
    )
  }

  @Test("brokers and Redis that do not answer come with the reason and the settings to check")
  func nobody() throws {
    let nobody = "127.0.0.1:1"
    let configuration = try Configuration.load(
      file: nil,
      overrides: [("kafka.brokers", nobody), ("redis.address", nobody)],
      environment: [:]
    )
    let kafka = try #require(Validation.brokers(configuration).first)
    #expect(kafka.text.hasPrefix("kafka at \(nobody): ") && kafka.text.contains("refused"))
    #expect(kafka.advice?.contains("kafka.brokers") == true)
    #expect(Validation.redis(configuration).advice?.contains("redis.address") == true)
  }

  @Test("a misspelt property does not hide what is wrong with the topics")
  func properties() async throws {
    let broker = try EmbeddedBroker()
    let brokers = ("kafka.brokers", broker.bootstrapServers)
    let found = try await wrong([brokers, ("kafka.properties.no.such", "1")])
    #expect(found.contains { $0.contains("no.such") })
    #expect(found.contains { $0.hasPrefix("topic clicks: it does not exist") })
    let connection = try await wrong([brokers, ("kafka.properties.security.protocol", "none")])
    #expect(
      connection.contains("brokers and topics: not looked at until kafka.properties is right")
    )
  }

  @Test("a port that is taken is found before a worker wants it")
  func port() async throws {
    let taken = try await HTTPEndpoint(
      host: "127.0.0.1",
      port: 0,
      health: Health(nowMs: 0),
      metrics: WorkerMetrics(),
      nowMs: { 0 }
    )
    let place = "127.0.0.1:\(taken.port)"
    let found = try await wrong([("http.port", "\(taken.port)")])
    #expect(found.contains { $0.hasPrefix("http.port: \(place) is taken; ") })
    await taken.stop()
    #expect(try await wrong([("http.port", "\(taken.port)")]).count == 1, "the model alone")
  }
}
