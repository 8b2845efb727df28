import ArgumentParser
import Evaluation
import Foundation
import Kafka
import Network
import TestSupport
import Testing

@testable import dreamstream

/// The program, or another, run to its end or for some seconds.
func run(
  _ arguments: [String],
  of program: URL? = nil,
  seconds: Double = 60
) throws -> (code: Int32, output: String, error: String) {
  let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
  let process = Process()
  process.executableURL = program ?? folder.appending(path: "dreamstream")
  process.arguments = arguments
  process.standardInput = FileHandle.nullDevice
  // What these commands print fits in a pipe, so one can be read after the other.
  let (output, error) = (Pipe(), Pipe())
  process.standardOutput = output
  process.standardError = error
  try RedisServer.withSignalsOpen { try process.run() }
  DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { process.terminate() }
  func text(_ pipe: Pipe) -> String {
    String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }
  let said = text(error)
  process.waitUntilExit()
  return (process.terminationStatus, text(output), said)
}

@Suite("Commands", .ownThread, .timeLimit(.minutes(2)))
struct CommandTests {
  /// A folder with clicks in it, gone after `body`.
  private func withClicks(_ text: String, _ body: (URL, String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let clicks = folder.appending(path: "clicks.tsv")
    try Data(text.utf8).write(to: clicks)
    try body(folder, clicks.path)
  }

  @Test("a part cannot be judged of a file without parts")
  func partWithoutSplit() throws {
    try withClicks("user\titem\nu\ti1\nu\ti2\nu\ti3\n") { folder, clicks in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(denoiser: .linear), to: model)
      let arguments = ["evaluate", "--model", model, "--clicks", clicks]
      let whole = try run(arguments)
      #expect(whole.code == 0, "\(whole.error)")
      let part = try run(arguments + ["--part", "test"])
      #expect(part.code != 0)
      #expect(part.error.contains("no column `split` to find the part test by"))
    }
  }

  @Test("a replay writes over nothing that it reads or writes otherwise, and says it at once")
  func replayOutputs() throws {
    try withClicks("user\titem\tsplit\nu\ti1\ta\nu\ti2\ta\n") { folder, clicks in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(denoiser: .linear), to: model)
      func error(_ more: String...) throws -> String {
        let ended = try run(["replay", "--model", model, "--clicks", clicks] + more)
        #expect(ended.code != 0)
        return ended.error
      }
      let before = try Data(contentsOf: URL(filePath: clicks))
      #expect(try error("--output", folder.path + "/./clicks.tsv").contains("are one file"))
      let page = folder.path + "/page"
      #expect(try error("--report", page, "--json", page).contains("--json and --report are one"))
      #expect(try error("--json", folder.path + "/no/x").contains("--json cannot be written"))
      #expect(
        try error("--to-topic", "clicks", "--brokers", "127.0.0.1:1").contains("clicks are read")
      )
      #expect(try error("--part", "b").contains("with split b, but a"))
      #expect(try error("--part", "a", "--warm-up", "a").contains("are both a"))
      #expect(try error("--topic", "clicks").contains("two sources"))
      #expect(try Data(contentsOf: URL(filePath: clicks)) == before)
      let ended = try run(
        ["replay", "--model", model, "--clicks", clicks, "--output", "/dev/null"]
          + ["--part", "a", "--warm-up", "b", "--json", folder.path + "/run.json"]
      )
      #expect(ended.code == 0 && ended.error.contains("nothing to warm up with"))
      try Data("{\"clicks\":1}".utf8).write(to: folder.appending(path: "other.json"))
      let compared = try run(
        ["report", "--compare", folder.path + "/run.json", folder.path + "/other.json"]
          + ["--output", page]
      )
      #expect(compared.code != 0 && compared.error.contains("it has no `events`"))
    }
  }

  @Test("models are judged side by side, and all that was measured is written")
  func judged() throws {
    try withClicks("user\titem\nu\ti1\nu\ti2\nv\ti3\nv\ti1\n") { folder, clicks in
      func model(_ name: String, items: Int = 50) throws -> String {
        let path = folder.appending(path: name).path
        try ModelDirectory.write(TinyModel.make(items: items, denoiser: .mlp), to: path)
        return path
      }
      let json = folder.appending(path: "judged.json")
      let both = ["evaluate", "--model", try model("one"), "--model", try model("two")]
      let ended = try run(
        both + ["--clicks", clicks, "--training", clicks, "--json", json.path, "--without-noise"]
      )
      #expect(ended.code == 0, "\(ended.error)")
      let table = try QualityTable(json: Array(try Data(contentsOf: json)))
      #expect(table.slices.count == ExampleFacts.Slice.allCases.count)
      #expect(table.lists.count == 4 + Baselines.all.count && table.slices[0].examples == 2)

      let other = try run(
        ["evaluate", "--model", try model("small", items: 9), "--clicks", clicks]
          + ["--model", try model("large")]
      )
      #expect(other.code != 0 && other.error.contains("has another catalogue than"))
      let bad = try run(both + ["--clicks", clicks, "--k", "7"])
      #expect(bad.code != 0 && bad.error.contains("k is 7; it wants 5, 10, 20 or 50"))
    }
  }

  @Test("an explanation names the session's clicks, and refuses what the model does not know")
  func explained() throws {
    try withClicks("user\titem\n") { folder, _ in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(denoiser: .mlp), to: model)
      let arguments = ["explain", "--model", model]
      let some = try run(arguments + ["--session", "i3, nothing,i9", "--item", "i5"])
      #expect(some.code == 0 && some.error == "not known, left out: nothing\n")
      let lines = some.output.split(separator: "\n").map { $0.split(separator: " ").first }
      #expect(lines == ["i5", "i3", "i9"])
      let strange = try run(arguments + ["--session", "i3", "--item", "x"])
      #expect(strange.code != 0 && strange.error.contains("does not know the item x"))
      let none = try run(arguments + ["--session", "x,y"])
      #expect(none.code != 0 && none.error.contains("knows none of the session's items"))
    }
  }

  @Test("a finished run that is resumed keeps its calibration")
  func calibrated() throws {
    let clicks = (0..<200).map { "u\($0 / 10)\ti\($0 % 10)" }.joined(separator: "\n")
    try withClicks("user\titem\n\(clicks)\n") { folder, clicks in
      let model = folder.appending(path: "model").path
      let train = [
        "train", "--clicks", clicks, "--output", model, "--denoiser", "residual", "--loss", "ce",
        "--epochs", "20", "--patience", "0", "--width", "8", "--steps", "30", "--held-out", "0.2",
      ]
      #expect(try run(train).code == 0)
      let calibrate = ["calibrate", "--model", model, "--clicks", clicks]
      let chosen = try run(calibrate + ["--held-out", "0.2"])
      #expect(chosen.code == 0 && chosen.output.contains("chosen: w"), "\(chosen.error)")
      let before = try ModelDirectory.load(model).manifest
      // Of 180 examples training learned the others.
      #expect(before.calibration?.examples == 36 && before.training.examples == 144)
      #expect(try run(train + ["--resume"]).code == 0)
      let after = try ModelDirectory.load(model).manifest
      #expect(after.calibration == before.calibration && after.serving == before.serving)
    }
  }

  @Test("parts of which none is to validate by are not calibrated on")
  func partsWithoutValidation() throws {
    let clicks = "user\titem\tsplit\nu\ti1\ttrain\nu\ti2\ttrain\nu\ti3\ttest\n"
    try withClicks(clicks) { folder, clicks in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(denoiser: .mlp), to: model)
      let ended = try run(["calibrate", "--model", model, "--clicks", clicks])
      #expect(ended.code != 0 && ended.error.contains(#"parts ["test", "train"] is to validate"#))
    }
  }

  @Test("clicks of which the model knows nothing are refused")
  func foreign() throws {
    try withClicks("user\titem\nu\tx\nu\ty\n") { folder, clicks in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(), to: model)
      let ended = try run(["evaluate", "--model", model, "--clicks", clicks])
      #expect(ended.code != 0)
      #expect(ended.error.contains("the model knows none of 1 next items"))
    }
  }

  @Test(
    "numbers that are none, or too large, are refused",
    arguments: [
      ["produce", "--clicks", "c", "--brokers", "b", "--rate", "nan"],
      ["produce", "--clicks", "c", "--brokers", "b", "--rate", "1e-300"],
      ["produce", "--clicks", "c", "--brokers", "b", "--rate", "0"],
      ["produce", "--clicks", "c", "--brokers", "b", "--set", "x"],
      ["demo", "--rate", "inf"], ["demo", "--stream", "\(Int.max)"], ["demo", "--stream", "0"],
      ["tail", "--brokers", "b", "--idle", "inf"], ["tail", "--brokers", "b", "--idle", "nan"],
      ["tail", "--brokers", "b", "--idle", "1e30"], ["tail", "--brokers", "b", "--idle=-1"],
      ["tail", "--brokers", "b", "--count", "0"],
      ["experiment", "starts", "--epochs", "\(Int.max)"],
      ["train", "--clicks", "c", "--output", "o", "--epochs", "\(Int.max)"],
      ["train", "--clicks", "c", "--output", "o", "--loss", "cosine", "--denoiser", "none"],
      ["train", "--clicks", "c", "--output", "o", "--loss", "ce", "--empty-histories"],
      ["calibrate", "--model", "m", "--clicks", "c", "--overlap", "2"],
    ]
  )
  func numbers(arguments: [String]) {
    #expect(throws: (any Error).self) { try DreamStream.parseAsRoot(arguments) }
  }

  @Test("rates are clicks a second, or as fast as it goes")
  func rates() throws {
    #expect(Rate(argument: "max") == .max && Rate(argument: "0.5")?.perSecond == 0.5)
    #expect(try Produce.parse(["--clicks", "c", "--brokers", "b"]).rate == .max)
    #expect(try Demo.parse(["--stream", "100000000"]).rate.perSecond == 1_000)
    var pace = Pace(perSecond: 1e6)
    for _ in 0..<3 { pace.wait() }
  }

  @Test("a model that cannot be read comes with what to do")
  func noModel() throws {
    let absent = #expect(throws: ModelFailure.self) { try loadModel("/no/model") }
    #expect(absent?.description.hasSuffix("or give its directory with --model") == true)
    try withClicks("user\titem\nu\ti1\n") { folder, _ in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(), to: model)
      try Data("{}".utf8).write(to: folder.appending(path: "model/manifest.json"))
      let damaged = #expect(throws: ModelFailure.self) { try loadModel(model) }
      #expect(damaged?.description.hasSuffix("copy or train it again") == true)
    }
  }

  @Test("the demonstration looks for brokers and Redis before it trains")
  func demoWithNobody() throws {
    let nobody = "127.0.0.1:1"
    let tried = try run(["demo", "--brokers", nobody, "--redis", nobody], seconds: 30)
    #expect(tried.code == 1)
    #expect(tried.error.contains("kafka at \(nobody): ") && tried.error.contains("redis: "))
    #expect(!tried.error.contains("epoch"))
  }

  @Test("a feed that nobody takes gives up, saying how much is left")
  func givesUp() throws {
    var feed = try ClickFeed(
      settings: PropertyOptions.parse([]).settings(brokers: "127.0.0.1:1"),
      topic: "clicks",
      prefix: "f",
      time: .now,
      patience: .seconds(1)
    )
    for number in 0..<3 { try feed.send(FileClick(user: "u", item: "i"), number: number) }
    var seen: Set<Int> = []
    do {
      try feed.finish { seen.insert($0) }
      Issue.record("nobody was there to store them")
    } catch let failure as FeedFailure {
      #expect(failure.description.contains("nothing was stored in clicks for 1.0 seconds"))
      #expect(failure.description.contains("3 clicks are left; last error: "))
    }
    let stored = feed.stored
    #expect(seen == [0] && stored == 0)
  }

  @Test("what cannot be written is named with the reason, and without the usage")
  func unwritable() throws {
    let clicks = (0..<200).map { "u\($0 / 10)\ti\($0 % 10)\n" }.joined()
    try withClicks("user\titem\n" + clicks) { folder, clicks in
      let generated = try run(["generate", "--clicks", "9", "--output", folder.path])
      let trained = try run(["train", "--clicks", clicks, "--output", clicks + "/model"])
      let text = "\(folder.path): cannot write it: Is a directory"
      #expect(generated.code == 1 && generated.error == "Error: \(text)\n")
      #expect(trained.code == 1 && trained.error.contains("/model: cannot make this directory: "))
      #expect(!trained.error.contains("Usage"))
    }
  }

  @Test("a word that is no command comes with the one that may have been meant")
  func misspelt() throws {
    for word in ["train", "help", "-h"] { #expect(CommandLineHelp.advice(on: word) == nil) }
    let near = CommandLineHelp.advice(on: "trian")
    #expect(near?.hasPrefix("there is no command trian; did you mean train?") == true)
    #expect(CommandLineHelp.advice(on: "frobnicate")?.contains("mean") == false)
    let ended = try run(["tial"])
    #expect(ended.code == 64 && ended.error.contains("did you mean tail?"))
    #expect(try run(["--version"]).output.contains("0.1"))
  }

  @Test(
    "a script asked for help says what it does instead of doing it",
    arguments: ["broker", "build", "check", "demo", "install", "torture"]
  )
  func scripts(name: String) throws {
    let deploy = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "deploy")
    let script = deploy.appending(path: name)
    let ended = try run(["--help"], of: script)
    #expect(ended.code == 0 && ended.error == "")
    let text = try String(contentsOf: script, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst()
      .prefix { $0.hasPrefix("#") }
    #expect(ended.output == lines.map { "\($0.dropFirst(2))\n" }.joined())
  }

  @Test("deploy/demo passes on every option of the demonstration, and refuses others at once")
  func demoOptions() throws {
    let demo = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "deploy/demo")
    let help = try run(["--help"], of: demo).output
    let options = Demo.helpMessage().matches(of: #/\n  (--[a-z-]+)/#).map { String($0.1) }
    #expect(options.count > 5)
    for option in options { #expect(help.contains(option), "\(option)") }
    let ended = try run(["--strem", "5"], of: demo)
    #expect(ended.code == 64 && ended.error.contains("there is no option --strem"))
  }

  @Test("a negative number is the value of the option before it")
  func negative() throws {
    let words = ["train", "--epochs", "-1", "--resume", "--rate=1", "-2", "-x", "--seed", "-"]
    let joined = ["train", "--epochs=-1", "--resume", "--rate=1", "-2", "-x", "--seed", "-"]
    #expect(CommandLineHelp.joiningNumbers(words) == joined)
    let ended = try run(["train", "--clicks", "c", "--output", "o", "--epochs", "-1"])
    #expect(ended.code == 64 && ended.error.contains("epochs is -1"))
  }

  @Test("a topic is read from its end or its beginning at once; an absent one is given up")
  func tailed() throws {
    let broker = try EmbeddedBroker()
    try broker.createTopic("some", partitions: 2)
    let settings = ["bootstrap.servers": broker.bootstrapServers]
    #expect(try partitions(of: "some", settings, patience: .zero).count == 2)
    let absent = #expect(throws: CommandFailure.self) {
      try partitions(of: "none", settings, patience: .zero)
    }
    #expect(
      absent?.description.hasSuffix("there is no topic none at \(broker.bootstrapServers)") == true
    )
    let tail = ["tail", "--brokers", broker.bootstrapServers, "--topic", "some", "--count", "1"]
    let nothing = try run(tail + ["--idle", "0.5"])
    #expect(nothing.code == 0 && nothing.output == "")
    #expect(nothing.error == "reading some from its end; --from-beginning shows what is there\n")
    var producer = try Producer(settings: settings)
    try producer.send(topic: "some", key: Array("u".utf8), value: nil)
    try producer.flush(timeoutMs: 5_000)
    let all = try run(tail + ["--from-beginning"])
    #expect(all.code == 0 && all.output == "u: erased\n")
  }

  @Test("without a broker, produce and tail say so soon, and go on trying")
  func noBroker() throws {
    #expect(try !sayIfNobodyAnswers(["bootstrap.servers": "127.0.0.1:1"]))
    #expect(Produce.patience(somebodyAnswers: false) < Produce.patience(somebodyAnswers: true))
    try withClicks("user\titem\nu\ti1\n") { _, clicks in
      let brokers = ["--brokers", "127.0.0.1:1"]
      for command in [["produce", "--clicks", clicks], ["tail"]] {
        let start = ContinuousClock.now
        let tried = try run(command + brokers, seconds: 6)
        #expect(tried.error.contains("no broker answers at 127.0.0.1:1; still trying"))
        #expect(ContinuousClock.now - start >= .seconds(6), "\(tried.error)")
      }
    }
    let nobody = ["bootstrap.servers": "127.0.0.1:1"]
    let ended = #expect(throws: CommandFailure.self) {
      try partitions(of: "clicks", nobody, patience: .zero)
    }
    #expect(ended?.description.contains("Connection refused") == true)
  }
}
