import Events
import Foundation
import Kafka
import Logging
import Network
import Service
import TestSupport
import Testing

@Suite("Worker", .broker, .serialized, .timeLimit(.minutes(3)))
struct WorkerTests {
  /// Runs a worker in this process while `body` runs, and drains it.
  private func working(
    _ world: World,
    _ more: [(key: String, value: String)] = [],
    _ body: (Worker) throws -> Void
  ) async throws {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let worker = try Worker(
      configuration: world.configuration(more),
      model: ModelDirectory.load(world.model),
      logger: logger
    )
    async let ended: Void = worker.run()
    do {
      try body(worker)
    } catch {
      worker.stop()
      throw error
    }
    worker.stop()
    try await ended
  }

  private func header(_ name: String, of delivery: Delivery) -> String? {
    delivery.headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("an item that the model has never seen is suggested once it was clicked, by all workers")
  func learning() async throws {
    let world = try World()
    defer { world.end() }
    let learning = [("learn.live_items", "true")]
    let now: Int64 = 1_700_000_000_000
    try world.produce([click("u", "i1", atMs: now), click("u", "fresh", atMs: now + 1)])
    try await working(world, learning) { worker in
      _ = try world.read(world.suggestions, atLeast: 2, seconds: 40)
      try world.produce([click("v", "i1", atMs: now)])
      let made = try suggestions(world, atLeast: 3)
      #expect(made["u"]?.allSatisfy { !$0.items.contains { $0.id == "fresh" } } == true)
      #expect(made["v"]?.last?.items.contains { $0.id == "fresh" } == true)
      #expect(made["v"]?.last?.generation.lessons == 1)
      #expect(worker.metrics.lessons[].value == 1 && worker.metrics.liveItems[].value == 2)
      #expect(worker.metrics.lessonFailures[].value == 0)
    }
    // Another worker knows it from the start: that takes a turn.
    try await working(world, learning) { worker in
      try waitUntil { worker.metrics.lessons[].value == 1 }
      try world.produce([click("w", "i1", atMs: now)])
      let made = try suggestions(world, atLeast: 4)
      #expect(made["w"]?.last?.items.contains { $0.id == "fresh" } == true)
    }
  }

  private func suggestions(_ world: World, atLeast count: Int) throws -> [String: [Suggestion]] {
    let read = try world.read(world.suggestions, atLeast: count, seconds: 40)
    return try Dictionary(grouping: read.compactMap(\.value).map(SuggestionDecoder.decode)) {
      $0.user
    }
  }

  private func waitUntil(_ isSo: () -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !isSo(), ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.05) }
    #expect(isSo())
  }

  @Test("every kind of event goes where the contract says, and the next run starts after them")
  func everyKind() async throws {
    let world = try World()
    defer { world.end() }
    let now: Int64 = 1_700_000_000_000
    let notUTF8: [UInt8] = Array(#"{"user_id":"u","item_id":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
    let long = String(repeating: "x", count: 2_000)
    try world.produce([
      click("u", "i1", atMs: now), ("u", Array("{\"user_id\":".utf8)),
      ("u", Array(#"{"user_id":5,"item_id":"i1"}"#.utf8)), ("u", notUTF8),
      ("u", Array(#"{"user_id":"u","item_id":"\#(long)"}"#.utf8)),
      ("u", Array(#"{"user_id":"u"}"#.utf8)), click("u", "never heard of", atMs: now + 1),
      click("u", "i2", atMs: now + 2, id: "e"), click("u", "i2", atMs: now + 3, id: "e"),
      click("v", "i9", atMs: now), ("v", nil), (nil, nil), click("v", "i8", atMs: now + 1),
      click("w", "never heard of", atMs: now),
    ])
    try await working(world) { worker in
      let suggestions = try world.read(world.suggestions, atLeast: 8, seconds: 40)
      let byUser = Dictionary(grouping: suggestions) {
        String(decoding: $0.key ?? [], as: UTF8.self)
      }
      let decoded = try byUser.mapValues {
        try $0.map { try $0.value.map(SuggestionDecoder.decode) }
      }
      #expect(decoded["u"]?.map { $0?.sessionLength } == [1, 2, 3, 3])
      #expect(decoded["u"]?.allSatisfy { $0?.generation.provenance == .diffusion } == true)
      #expect(decoded["v"]?.map { $0?.sessionLength } == [1, nil, 1])
      #expect(decoded["w"]?.map { $0?.generation.stoppedBy } == ["no-known-item"])

      let letters = try world.read(world.deadLetters, atLeast: 6, seconds: 20)
      let reasons = letters.map { header("dreamstream.error.reason", of: $0) ?? "" }.sorted()
      let expected = [
        "invalid_utf8", "malformed_json", "missing_field", "missing_key", "oversize", "wrong_type",
      ]
      #expect(reasons == expected)
      let oversize = letters.first { header("dreamstream.error.reason", of: $0) == "oversize" }
      #expect((oversize?.value?.count ?? 0) > 2_000)
      #expect(worker.metrics.events["dead_letter"].value == 6)
      #expect(worker.health.ready(nowMs: Worker.monotonicMs()).isOK)
    }

    try world.produce([click("u", "i4", atMs: now + 9)])
    try await working(world) { _ in
      let all = try world.read(world.suggestions, atLeast: 9, seconds: 40)
      #expect(all.count == 9)
    }
  }

  @Test("without its topic it says so, and works once that is there")
  func noTopic() async throws {
    let world = try World()
    defer { world.end() }
    let late = "\(world.name)-late"
    try await working(world, [("topics.clicks", late)]) { worker in
      func kafka() -> String? {
        worker.health.ready(nowMs: Worker.monotonicMs()).checks
          .first { $0.name == "kafka" && !$0.isOK }?.detail
      }
      func wait(_ isThere: () -> Bool) {
        let deadline = ContinuousClock.now + .seconds(60)
        while !isThere(), .now < deadline { Thread.sleep(forTimeInterval: 0.05) }
      }
      wait { kafka()?.contains("topics.create") == true }
      let advice = "make it, or set topics.create to true"
      let detail = kafka() ?? ""
      #expect(detail.hasPrefix("0 partitions assigned; ") && detail.hasSuffix(advice), "\(detail)")
      let admin = try Admin(settings: ["bootstrap.servers": world.bootstrap])
      try admin.createTopics([NewTopic(name: late, partitions: 1)], timeoutMs: 10_000)
      wait { worker.assignedPartitions == 1 }
      #expect(worker.assignedPartitions == 1)
    }
  }

  @Test("Redis that goes away for a while loses nothing")
  func redisOutage() async throws {
    let world = try World()
    defer { world.end() }
    let clicks = (0..<200).map { click("u\($0 % 9)", "i\($0 % 50)", atMs: 1_700_000_000_000 + $0) }
    try await working(world) { worker in
      try world.produce(Array(clicks.prefix(100)))
      _ = try world.read(world.suggestions, atLeast: 100, seconds: 40)
      world.redis.pause()
      try world.produce(Array(clicks.suffix(100)))
      Thread.sleep(forTimeInterval: 4)
      world.redis.resume()
      let all = try world.read(world.suggestions, atLeast: 200, seconds: 40)
      #expect(all.count == 200)
      #expect(worker.metrics.retries["sessions"].value > 0)
    }
  }
}

/// The program itself, as a process that can be killed.
final class WorkerProcess {
  private let process = Process()

  init(
    _ command: String = "worker",
    settings: [(key: String, value: String)],
    output: Pipe? = nil
  ) throws {
    let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    process.executableURL = folder.appending(path: "dreamstream")
    process.arguments = [command] + settings.flatMap { ["--set", "\($0.key)=\($0.value)"] }
    process.standardInput = FileHandle.nullDevice
    if let output { process.standardOutput = output }
    try RedisServer.withSignalsOpen { try process.run() }
  }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func wait() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Asks it to end, and returns how it did.
  func terminate() -> Int32 {
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }
}

@Suite("Worker process", .broker, .timeLimit(.minutes(3)))
struct WorkerProcessTests {
  @Test(
    "killed in the middle and started again: no click is lost, none counts twice",
    arguments: ["exactly-once", "at-least-once"]
  )
  func killed(mode: String) throws {
    let world = try World()
    defer { world.end() }
    let total = 4_000
    let base: Int64 = 1_700_000_000_000
    let clicks = (0..<total).map { n in (user: "u\(n % 37)", item: "i\(n * 7 % 50)") }
    try world.produce(
      clicks.enumerated().map { click($1.user, $1.item, atMs: base + Int64($0), id: "e\($0)") }
    )

    let settings = world.settings + [("delivery.mode", mode)]
    let first = try WorkerProcess(settings: settings)
    let some = try world.read(world.suggestions, atLeast: 200, seconds: 60)
    first.kill()
    #expect(some.count >= 200)
    let second = try WorkerProcess(settings: settings)
    let isOnce = mode == "exactly-once"
    let deliveries =
      isOnce
      ? try world.committed(world.suggestions, atLeast: total, seconds: 120)
      : try readAll(world, ids: total)
    #expect(second.terminate() == 0)

    var bytes: [String: [UInt8]] = [:]
    for value in deliveries.compactMap(\.value) {
      let id = try #require(try SuggestionDecoder.decode(value).source.eventID)
      // What is there twice is there twice with the same bytes.
      #expect(bytes[id] == nil || (bytes[id] == value && !isOnce))
      bytes[id] = value
    }
    #expect(bytes.count == total)
    var sessions: [String: [String]] = [:]
    for click in clicks { sessions[click.user, default: []].append(click.item) }
    for (user, items) in sessions {
      #expect(
        try world.session(of: user, topic: "other", partition: 0) == Array(items.suffix(5))
      )
    }
  }

  @Test("validate finds everything there, or ends with 78 saying what is not")
  func validate() throws {
    let world = try World()
    defer { world.end() }
    func validate(_ change: [(key: String, value: String)]) throws -> (code: Int32, text: String) {
      let output = Pipe()
      let process = try WorkerProcess(
        "validate",
        settings: world.settings + change,
        output: output
      )
      let text = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(),
        as: UTF8.self
      )
      return (process.wait(), text)
    }
    let good = try validate([])
    #expect(good.code == 0, "\(good.text)")
    let wrong = try validate([
      ("topics.suggestions", "nowhere"), ("model.directory", "/no/model"),
      ("kafka.properties.no.such", "1"), ("redis.address", "127.0.0.1:1"),
    ])
    #expect(wrong.code == 78)
    for part in ["/no/model/manifest.json", "no.such", "redis: "] {
      #expect(wrong.text.contains(part), "\(part) is not in \(wrong.text)")
    }
    let listed = world.settings + [("suggest.allow_file", "/no/list")]
    #expect(try WorkerProcess(settings: listed).wait() == 78)
    let topic = try validate([("topics.suggestions", "nowhere")])
    #expect(topic.code == 78 && topic.text.contains("topic nowhere: it does not exist"))
  }

  /// Reads until every one of `ids` event ids was seen.
  private func readAll(_ world: World, ids: Int) throws -> [Delivery] {
    var count = ids
    while true {
      let deliveries = try world.read(world.suggestions, atLeast: count, seconds: 60)
      let seen = Set(
        try deliveries.compactMap { try $0.value.map(SuggestionDecoder.decode) }
          .map(\.source.eventID)
      )
      if seen.count >= ids || deliveries.count < count { return deliveries }
      count = deliveries.count + 1
    }
  }
}
