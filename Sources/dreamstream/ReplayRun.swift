import Evaluation
import Events
import Files
import Foundation
import Kafka
import Network
import Pipeline
import Replay
import Service
import Sessions
import Training

/// A replay under way: what reads it, what judges it, and what it shows.
final class ReplayRun {
  private let command: ReplayCommand
  private let source: any RecordSource
  private let writer: FileWriter?
  private var producer: Producer?
  private var judge: Prequential
  /// The model's.
  private let version: String
  private var progress: ProgressBar
  private var pace: EventPace
  /// Read, and not due yet.
  private var waiting: ReplayedRecord?
  /// Whether the records that are under way are judged, in their order.
  private var judged: [Bool] = []
  private var steps: [Int: Int] = [:]
  private var provenances: [String: Int] = [:]
  private var batchMs = LogHistogram()
  private var passed = 0
  /// Parts that rows were of.
  private var parts: Set<String> = []
  private var unfit = 0
  private let started = ContinuousClock.now
  /// With brokers that take nothing.
  private static let patience: Duration = .seconds(30)

  init(_ command: ReplayCommand, _ model: Model, _ configuration: Configuration) throws {
    self.command = command
    version = model.manifest.version
    source = try Self.source(command, configuration)
    if let path = command.output {
      writer = try FileWriter(path: path == "-" ? nil : path)
    } else {
      writer = nil
    }
    if command.toTopic != nil {
      let settings = configuration.kafka.producerProperties.merging(Self.brokers(command)) { $1 }
      // Who does not answer is told before anything is computed.
      _ = try Admin(settings: settings).metadata(timeoutMs: 15_000)
      producer = try Producer(settings: settings.merging(["linger.ms": "5"]) { given, _ in given })
    }
    var options = Prequential.Options()
    options.baselines = command.baselines
    options.resamples = command.resamples
    options.seed = command.seed
    options.historyLength = configuration.sessionLimits.maxLength
    options.excludesSeen = configuration.suggest.excludeSeen
    options.timeToLiveMs = configuration.sessionLimits.timeToLiveMs
    judge = Prequential(
      name: model.manifest.name + (configuration.learn.liveItems ? ", learning" : ""),
      options: options,
      catalogue: model.items.ids
    )
    progress = ProgressBar(
      "replay",
      total: 0,
      unit: "clicks",
      isTerminal: isatty(2) == 1,
      write: writeToStandardError
    )
    pace = EventPace(times: command.speed.times)
  }

  private static func source(
    _ command: ReplayCommand,
    _ configuration: Configuration
  ) throws -> any RecordSource {
    if let topic = command.topic {
      return try TopicRecords(
        configuration.kafka.consumerProperties.merging(brokers(command)) { $1 },
        topic: topic,
        from: command.from,
        until: command.until
      )
    }
    var choices = ClickRecords.Choices()
    choices.disorder = command.unordered
    choices.bad = command.badRows
    return try ClickRecords(path: command.clicks ?? "-", choices: choices)
  }

  private static func brokers(_ command: ReplayCommand) -> [String: String] {
    ["bootstrap.servers": command.brokers ?? ""]
  }

  /// Carries the stream through, and shows what came of it.
  func run(_ replay: borrowing Replay) throws {
    // What is due is answered before what is due next is waited for.
    try replay.run(readsAhead: command.speed == .max, next: next(atMost:), body: take)
    progress.finish()
    if passed == 0 {
      let wanted = command.part.map { part in
        parts.isEmpty
          ? ": no row says its part, in a column `split`; without --part all are judged"
          : " with split \(part), but \(parts.sorted().joined(separator: ", "))"
      }
      throw CommandFailure("there are no clicks to replay" + (wanted ?? ""))
    }
    if let warmUp = command.warmUp, !parts.contains(warmUp) {
      writeToStandardError("no row has split \(warmUp): there was nothing to warm up with\n")
    }
    try flush()
    try show()
  }

  /// Up to so many records that are due; waits for the first.
  private func next(atMost count: Int) throws -> [Record] {
    var records: [Record] = []
    while records.count < count, let item = try waiting ?? source.next() {
      waiting = nil
      if let part = item.part, parts.count < 100 { parts.insert(part) }
      let isJudged = command.part == nil || item.part == command.part
      if !isJudged, item.part == nil || item.part != command.warmUp { continue }
      let wait = pace.wait(for: item.timestampMs)
      if wait > .zero {
        if !records.isEmpty {
          waiting = item
          break
        }
        Thread.sleep(forTimeInterval: wait / .seconds(1))
      }
      judged.append(isJudged)
      records.append(item.record)
    }
    return records
  }

  /// Judges answers, and passes them on.
  private func take(_ answers: [Answer]) throws {
    for (answer, isJudged) in zip(answers, judged) {
      passed += 1
      observe(answer, isJudged)
      if let message = answer.message, message.destination == .suggestions {
        try pass(message)
      }
    }
    judged.removeFirst(answers.count)
    let share = source.share
    // It is read ahead of what has passed.
    progress.total = share > 0 ? Int(Double(passed) / share) + 1 : 0
    progress.show(passed, judge.events > 0 ? ["hr@20 \(percent(judge.hitRate))"] : [])
  }

  private func pass(_ message: Message) throws {
    if let value = message.value { try writer?.write(value + [UInt8(ascii: "\n")]) }
    guard let topic = command.toTopic else { return }
    // How late it was is of no meaning here.
    let headers = message.headers.filter { $0.name != SuggestionHeaders.latencyMs }
    try producer?.send(
      topic: topic,
      key: message.key,
      value: message.value,
      headers: headers.map { KafkaHeader(name: $0.name, value: $0.value) }
    )
  }

  private func flush() throws {
    var (left, deadline) = (Int.max, ContinuousClock.now)
    while let outstanding = producer?.outstanding, outstanding > 0 {
      if outstanding < left { (left, deadline) = (outstanding, .now + Self.patience) }
      do throws(KafkaFailure) { try producer?.flush(timeoutMs: 1_000) } catch {
        if error.remedy != .retry { throw error }
        if .now > deadline {
          throw CommandFailure(
            "the brokers took none of \(outstanding) suggestions for \(Self.patience) (\(error))"
          )
        }
      }
    }
  }

  private func observe(_ answer: Answer, _ isJudged: Bool) {
    if case .erase(let user) = answer.event { judge.forget(user) }
    guard case .click(let click) = answer.event, answer.view?.outcome == .applied else {
      unfit += 1
      return
    }
    if let generation = answer.suggestion?.generation {
      steps[generation.steps, default: 0] += 1
      provenances[generation.provenance.rawValue, default: 0] += 1
    }
    batchMs.add(Double(answer.batchNs) / 1e6)
    judge.observe(
      Prequential.Observed(
        user: click.user,
        item: click.item,
        timestampMs: click.timestampMs < 0 ? nil : click.timestampMs,
        isJudged: isJudged,
        suggested: answer.suggestion?.items.map { item in
          StreamReport.Example.Item(id: item.id, because: item.because?.map(\.id) ?? [])
        }
      )
    )
  }

  private func show() throws {
    var report = judge.report(steps: steps, provenances: provenances)
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    report.model = version
    report.timing = StreamReport.Timing(clicks: passed, seconds: seconds, batchMs: batchMs)
    if command.output != "-" {
      say(report.text)
      say(
        "\(passed) clicks in \(String(format: "%.1f", seconds)) s, "
          + "\(Int(Double(passed) / seconds)) a second; a batch p50 "
          + "\(String(format: "%.1f", batchMs.quantile(0.5))) ms, p99 "
          + "\(String(format: "%.1f", batchMs.quantile(0.99))) ms"
      )
    }
    if let file = source as? ClickRecords, file.skipped > 0 {
      writeToStandardError("rows that could not be read, and are left out: \(file.skipped)\n")
      for failure in file.firstSkipped { writeToStandardError("  \(failure)\n") }
    }
    if unfit > 0 {
      writeToStandardError("rows that changed no session, and are not judged: \(unfit)\n")
    }
    if let json = command.json {
      try WholeFile.replace(json, with: Array(try report.json()))
      if command.output != "-" { say("all of it is in \(json)") }
    }
    if let path = command.report {
      let source = command.clicks ?? command.topic ?? ""
      try writePage("Replay of \(source)", [(name: source, report: report)], to: path)
    }
  }
}
