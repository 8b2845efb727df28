import Evaluation
import Events
import Foundation
import Kafka
import Logging
import Network
import Service
import TestSupport
import Testing

@testable import dreamstream

@Suite("Replay, as a command", .broker, .serialized, .timeLimit(.minutes(3)))
struct ReplayCommandTests {
  /// Clicks of a few users on items of the model and on others, a second apart.
  private func clicks(_ count: Int) -> [(user: String, item: String, timestampMs: Int64)] {
    var generator = SeededGenerator(seed: 3)
    return (0..<count).map { number in
      (
        "u\(Int.random(in: 0..<9, using: &generator))",
        "i\(Int.random(in: 0..<70, using: &generator))",
        1_700_000_000_000 + Int64(number) * 1_000
      )
    }
  }

  @Test("a topic's replay gives the very bytes that the worker published, whatever the threads")
  func sameAsLive() async throws {
    let world = try World()
    defer { world.end() }
    try world.produce(
      clicks(300).map { click($0.user, $0.item, atMs: $0.timestampMs) }
        + [("u1", nil), ("u2", Array("{".utf8)), click("u1", "i4", atMs: 1_700_000_400_000)]
    )
    let worker = try Worker(
      configuration: world.configuration(),
      model: ModelDirectory.load(world.model),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    )
    async let ended: Void = worker.run()
    let published = try world.read(world.suggestions, atLeast: 302, seconds: 60)
    worker.stop()
    try await ended
    let live = published.compactMap(\.value).map { String(decoding: $0, as: UTF8.self) }
    #expect(live.count == 301)

    let file = world.model + "/suggestions"
    for more in [["--threads", "1"], ["--threads", "3", "--set", "batch.max_size=7"]] {
      let replayed = try run(
        ["replay", "--topic", world.clicks, "--brokers", world.bootstrap, "--model", world.model]
          + ["--set", "sessions.max_length=5", "--set", "sessions.lateness=10d"]
          + ["--set", "suggest.count=20", "--set", "events.max_bytes=1000", "--output", file] + more
      )
      #expect(replayed.code == 0, "\(replayed.error)")
      let lines = try String(contentsOfFile: file, encoding: .utf8)
        .split(separator: "\n").map(String.init)
      #expect(lines.count == live.count)
      #expect(Set(lines).symmetricDifference(live).count == 0)
    }
    let some = try run(
      ["replay", "--topic", world.clicks, "--brokers", world.bootstrap, "--model", world.model]
        + ["--from", "offset:100", "--until", "offset:110", "--output", "-"]
    )
    #expect(some.code == 0, "\(some.error)")
    #expect(some.output.split(separator: "\n").count == 20)
  }

  @Test("a topic is replayed from one moment to another, its partitions merged by time")
  func moments() throws {
    let world = try World()
    defer { world.end() }
    var producer = try Producer(settings: ["bootstrap.servers": world.bootstrap, "linger.ms": "5"])
    let all = clicks(100)
    for (number, click) in all.enumerated() {
      let value = ClickEncoder.encode(
        user: click.user,
        item: click.item,
        timestampMs: click.timestampMs,
        eventID: "\(number)",
        type: nil
      )
      try producer.send(
        topic: world.clicks,
        key: Array(click.user.utf8),
        value: value,
        timestampMs: click.timestampMs
      )
    }
    try producer.flush(timeoutMs: 30_000)
    let replayed = try run(
      ["replay", "--topic", world.clicks, "--brokers", world.bootstrap, "--model", world.model]
        + ["--from", "\(all[20].timestampMs)", "--until", "\(all[45].timestampMs)"]
        + ["--set", "suggest.count=1", "--output", "-"]
    )
    let numbers = try replayed.output.split(separator: "\n").map { line in
      try SuggestionDecoder.decode(Array(line.utf8)).source.eventID
    }
    #expect(numbers == (20..<45).map { "\($0)" }, "\(replayed.error)")
  }

  @Test("a file is judged, in words and in JSON, and its suggestions go where they are wanted")
  func file() throws {
    let world = try World()
    defer { world.end() }
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let rows = clicks(200).enumerated().map { number, click in
      "\(click.user)\t\(click.item)\t\(click.timestampMs)\t\(number < 80 ? "train" : "test")"
    }
    let file = folder.appending(path: "clicks.tsv").path
    let text = "user\titem\ttime\tsplit\n" + rows.joined(separator: "\n")
    try Data(text.utf8).write(to: URL(filePath: file))
    let json = folder.appending(path: "report.json").path
    let arguments = ["replay", "--clicks", file, "--model", world.model, "--resamples", "20"]
    let judged = try run(
      arguments + ["--part", "test", "--warm-up", "train", "--json", json, "--brokers"]
        + [world.bootstrap, "--to-topic", world.suggestions]
    )
    #expect(judged.code == 0, "\(judged.error)")
    #expect(judged.output.contains("clicks 200, judged 120"))
    #expect(judged.output.contains("transition counts, frozen"))
    let report = try StreamReport(json: Array(Data(contentsOf: URL(filePath: json))))
    #expect(report.events == 120 && report.rows.count == 11 && report.resamples == 20)
    // They all began in the warm-up.
    #expect(report.sessions == 9)
    let sent = try world.read(world.suggestions, atLeast: 200, seconds: 30)
    #expect(sent.count == 200)
    // How late it was is of no meaning in a replay.
    #expect(sent.allSatisfy { $0.headers.map(\.name) == [SuggestionHeaders.schema] })

    let items = try sent.map { try SuggestionDecoder.decode($0.value ?? []).items.count }
    #expect(Set(items) == [50])  // as far as the measures reach

    // Settings of the worker count; what depends on the clock does not.
    let unseen = try run(
      arguments + ["--json", json, "--set", "suggest.exclude_seen=true"]
        + ["--set", "generate.deadline_ms=1"]
    )
    #expect(unseen.code == 0, "\(unseen.error)")
    let other = try StreamReport(json: Array(Data(contentsOf: URL(filePath: json))))
    #expect(other.rows.count == 6 && other.rows.allSatisfy { $0.lists.repeatRate == 0 })
    #expect(Set(other.steps.keys).subtracting([0]) == [8])

    let all = try run(arguments + ["--baselines", "none"])
    #expect(all.output.contains("judged 191 of 9 sessions"), "\(all.output)")
    let started = ContinuousClock.now
    _ = try run(arguments + ["--baselines", "none", "--speed", "200x"])
    #expect(ContinuousClock.now - started > .milliseconds(990))  // 199 s in all
    let none = try run(arguments + ["--part", "validation"])
    #expect(none.code != 0 && none.error.contains("no clicks to replay with split validation"))
  }

  @Test("a click that comes again is answered, and not judged; an erased user begins anew")
  func again() throws {
    let world = try World()
    defer { world.end() }
    func line(_ item: String, _ number: Int) -> String {
      #"{"user_id":"u","item_id":"\#(item)","timestamp":\#(number),"event_id":"e\#(number)"}"#
    }
    let file = world.model + "/clicks.ndjson"
    let text = [line("i1", 1), line("i2", 2), line("i2", 2), line("i3", 3)].joined(separator: "\n")
    try Data(text.utf8).write(to: URL(filePath: file))
    let replayed = try run(
      ["replay", "--clicks", file, "--model", world.model, "--baselines", "none"]
        + ["--output", world.model + "/suggestions"]
    )
    #expect(replayed.output.contains("clicks 3, judged 2 of 1 sessions"), "\(replayed.error)")
    #expect(replayed.error.contains("rows that changed no session, and are not judged: 1"))
    let suggestions = try String(contentsOfFile: world.model + "/suggestions", encoding: .utf8)
    #expect(suggestions.split(separator: "\n").count == 4)
    try world.produce([click("u", "i1", atMs: 1), ("u", nil), click("u", "i2", atMs: 2)])
    let topic = try run(
      ["replay", "--topic", world.clicks, "--brokers", world.bootstrap, "--model", world.model]
    )
    #expect(topic.output.contains("clicks 2, judged 0 of 0 sessions"), "\(topic.error)")
  }

  @Test(
    "what cannot be replayed is refused in words",
    arguments: [
      ([], "--clicks or --topic is wanted"),
      (["--clicks", "a", "--topic", "b"], "--clicks and --topic are two sources"),
      (["--topic", "b"], "a topic wants --brokers"),
      (["--clicks", "a", "--from", "offset:1"], "--from and --until are of a --topic"),
      (["--clicks", "a", "--warm-up", "train"], "--warm-up wants --part"),
      (["--topic", "b", "--brokers", "h:1", "--from", "yesterday"], "yesterday"),
      (["--clicks", "a", "--speed", "fast"], "fast"),
      (["--clicks", "a", "--threads", "0"], "threads is 0; it wants 1 to 256"),
    ]
  )
  func refused(arguments: [String], what: String) throws {
    let refused = try run(["replay", "--model", "m"] + arguments)
    #expect(refused.code == 64)
    #expect(refused.error.contains(what), "\(refused.error)")
  }

  @Test("moments are dates, milliseconds or offsets")
  func bounds() {
    #expect(TopicBound("2014-04-01T12:00:00Z") == .time(1_396_353_600_000))
    #expect(TopicBound("1396353600000") == .time(1_396_353_600_000))
    #expect(TopicBound("offset:7") == .offset(7))
    for wrong in ["", "-1", "offset:", "offset:-1", "2014-04-01", "soon"] {
      #expect(TopicBound(wrong) == nil, "\(wrong)")
    }
  }
}
