import Events
import Foundation
import Kafka
import KafkaProxy
import Network
import Redis
import Service
import Sessions
import TestSupport

/// A run from the first message to the verdict.
struct Run {
  static let sessionSeconds = 6.0

  let options: Options
  let broker: BrokerProcess?
  let bootstrap: String
  let redis: RedisServer
  let folder: URL
  let name = SharedBroker.uniqueName("torture")
  let model: Model

  init(_ options: Options) throws {
    self.options = options
    broker = options.brokers == nil ? try BrokerProcess() : nil
    // Tansu 0.6 keeps a leader that leaves while its group forms, and then forms none any more:
    // let nobody be heard leaving, as if all had been killed.
    broker?.proxy.inject(.dropRequest, .leaveGroup, times: .max)
    bootstrap = options.brokers ?? broker?.address ?? ""
    redis = try RedisServer(appendOnly: true)
    folder = FileManager.default.temporaryDirectory.appending(path: name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appending(path: "model").path
    try ModelDirectory.write(TinyModel.make(denoiser: .mlp), to: path)
    model = try ModelDirectory.load(path)
  }

  var limits: SessionLimits {
    SessionLimits(maxLength: 10, slack: 256, latenessMs: 30_000, timeToLiveMs: 86_400_000)
  }

  private var topics: (clicks: String, suggestions: String, deadLetters: String) {
    ("\(name)-clicks", "\(name)-suggestions", "\(name)-dlq")
  }

  private var settings: [(key: String, value: String)] {
    [
      ("kafka.brokers", bootstrap), ("kafka.group", name), ("topics.clicks", topics.clicks),
      ("topics.suggestions", topics.suggestions), ("topics.dead_letters", topics.deadLetters),
      ("redis.address", "127.0.0.1:\(redis.port)"), ("redis.prefix", name),
      ("model.directory", folder.appending(path: "model").path), ("http.port", "0"),
      ("log.level", "info"), ("log.format", "text"), ("delivery.mode", options.mode),
      ("sessions.max_length", "\(limits.maxLength)"), ("sessions.slack", "\(limits.slack)"),
      ("sessions.lateness", "\(limits.latenessMs)"), ("sessions.ttl_ms", "\(limits.timeToLiveMs)"),
      ("batch.max_size", "\(limits.slack)"), ("events.max_bytes", "\(Load.maxEventBytes)"),
      ("kafka.consumer.properties.session.timeout.ms", "\(Int(Self.sessionSeconds * 1_000))"),
    ]
  }

  func run() throws -> (report: Report, isGood: Bool) {
    let clock = ContinuousClock()
    let started = clock.now
    let admin = try Admin(settings: ["bootstrap.servers": bootstrap])
    try admin.createTopics(
      [topics.clicks, topics.suggestions, topics.deadLetters]
        .map { NewTopic(name: $0, partitions: options.partitions) },
      timeoutMs: 30_000
    )
    let fleet = try Fleet(
      program: options.program,
      count: options.workers,
      settings: settings,
      folder: folder
    )
    let chaos = Chaos(
      seed: options.seed,
      without: options.without,
      fleet: fleet,
      redis: redis,
      broker: broker,
      sessionSeconds: Self.sessionSeconds
    )
    let (faults, atWork) = try work(chaos)
    let log = try readLog()
    say("\(log.count) messages are in the log; waiting until all are done")
    var complaints = try settle(fleet, ends: ends(of: log)) + chaos.complaints
    for worker in 0..<fleet.count {
      let (status, _) = fleet.terminate(worker)
      if status != 0 { complaints.append("at the end a worker ended with \(status)") }
    }
    let verdict = try judge(log)
    let report = Report(
      options: options,
      faults: faults,
      faultsAtWork: atWork,
      starts: fleet.starts,
      slowestEndSeconds: chaos.slowestEnd,
      seconds: (clock.now - started) / .seconds(1),
      verdict: verdict,
      complaints: complaints
    )
    return (report, verdict.isGood && complaints.isEmpty)
  }

  /// Produces, evenly over the faults, on this thread: a fault waits for its share of messages.
  private func work(_ chaos: Chaos) throws -> (faults: [Trouble: Int], atWork: Int) {
    var load = Load(seed: options.seed, users: options.users)
    // A client id of its own keeps the faults of requests apart from what feeds the topic.
    var producer = try Producer(settings: [
      "bootstrap.servers": bootstrap, "linger.ms": "5", "queue.buffering.max.messages": "1000000",
    ])
    let watcher = try Consumer(settings: ["bootstrap.servers": bootstrap, "group.id": name])
    var (sent, committed, atWork) = (0, Int64(0), 0)
    for fault in 0...options.faults {
      let due = options.events * (fault + 1) / (options.faults + 1)
      while sent < due {
        let message = load.next()
        try producer.send(topic: topics.clicks, key: message.key, value: message.value)
        sent += 1
      }
      while producer.outstanding > 0 {
        do throws(KafkaFailure) { try producer.flush(timeoutMs: 1_000) } catch {
          if error.remedy != .retry { throw error }
        }
      }
      if fault == options.faults { break }
      // What goes wrong while nobody works proves little.
      if try advance(watcher, beyond: &committed) { atWork += 1 }
      let trouble = try chaos.step()
      if options.isVerbose || fault % 20 == 19 {
        say("\(sent) messages, \(fault + 1) faults; the last: \(trouble.rawValue)")
      }
    }
    return (chaos.done, atWork)
  }

  /// Waits, for some seconds, until the group has committed more than it had.
  private func advance(
    _ consumer: borrowing Consumer,
    beyond before: inout Int64
  ) throws -> Bool {
    let partitions = (0..<Int32(options.partitions)).map {
      TopicPartition(topic: topics.clicks, partition: $0)
    }
    let deadline = ContinuousClock.now + .seconds(3 * Self.sessionSeconds)
    repeat {
      // What a frozen broker does not tell now it tells later.
      let offsets = (try? consumer.committed(Set(partitions), timeoutMs: 2_000)) ?? [:]
      let sum = offsets.values.reduce(0, +)
      if sum > before {
        before = sum
        return true
      }
      Thread.sleep(forTimeInterval: 0.2)
    } while .now < deadline
    return false
  }

  /// Waits until the group has committed everything.
  private func settle(_ fleet: Fleet, ends: [TopicPartition: Int64]) throws -> [String] {
    let deadline = ContinuousClock.now + .seconds(options.settleSeconds)
    let consumer = try Consumer(settings: ["bootstrap.servers": bootstrap, "group.id": name])
    while true {
      _ = try fleet.revive()
      let committed = (try? consumer.committed(Set(ends.keys), timeoutMs: 5_000)) ?? [:]
      let behind = ends.filter { committed[$0.key] ?? 0 < $0.value }
      if behind.isEmpty { return [] }
      if .now > deadline {
        return behind.map { "\($0.key) stands at \(committed[$0.key] ?? 0) of \($0.value)" }
      }
      Thread.sleep(forTimeInterval: 0.5)
    }
  }

  private func ends(of log: [Record]) -> [TopicPartition: Int64] {
    var ends: [TopicPartition: Int64] = [:]
    for record in log {
      let position = record.position
      ends[TopicPartition(topic: position.topic, partition: position.partition)] =
        position.offset + 1
    }
    return ends
  }

  private func readLog() throws -> [Record] {
    var records: [Record] = []
    records.reserveCapacity(options.events)
    try read(topics.clicks, count: options.events) { delivery in
      records.append(Record(delivery))
    }
    return records
  }

  private func judge(_ log: [Record]) throws -> Verdict {
    let oracle = try Oracle(
      log,
      model: model,
      limits: limits,
      maxEventBytes: Load.maxEventBytes
    )
    var verdict = Verdict(oracle, isOnce: options.mode == "exactly-once", batch: limits.slack)
    for topic in [topics.suggestions, topics.deadLetters] {
      let logs = try transactions(topic)
      try read(topic, count: 0) { delivery in
        if let log = logs[delivery.partition] {
          if log.isAborted(delivery.offset) { return verdict.hide(isAborted: true) }
          if log.isOpen(delivery.offset) { return verdict.hide(isAborted: false) }
        }
        if topic == topics.suggestions {
          try verdict.suggestion(Record(delivery))
        } else {
          verdict.deadLetter(Record(delivery))
        }
      }
    }
    verdict.close()
    let settings = RedisSettings(address: .tcp(host: "127.0.0.1", port: redis.port))
    try verdict.compare(try RedisSessions(settings: settings, prefix: name, limits: limits))
    return verdict
  }

  /// The transactions of a topic; of somebody else's broker none, for its readers are told.
  private func transactions(_ topic: String) throws -> [Int32: TransactionLog] {
    guard let broker else { return [:] }
    var logs: [Int32: TransactionLog] = [:]
    for partition in 0..<Int32(options.partitions) {
      var log = TransactionLog()
      try log.read(port: broker.proxy.port, topic: topic, partition: partition)
      logs[partition] = log
    }
    return logs
  }

  /// Reads a topic to its end, as far as `count` messages and three silent seconds tell that.
  private func read(
    _ topic: String,
    count: Int,
    _ body: (Delivery) throws -> Void
  ) throws {
    let consumer = try Consumer(settings: [
      "bootstrap.servers": bootstrap, "group.id": SharedBroker.uniqueName("judge"),
      "auto.offset.reset": "earliest", "isolation.level": "read_committed",
      "session.timeout.ms": "6000", "fetch.wait.max.ms": "100",
    ])
    try consumer.subscribe(to: [topic])
    var (seen, quiet) = (0, ContinuousClock.now + .seconds(30))
    while seen < max(1, count) || .now < quiet {
      let deliveries = (try? consumer.poll(max: 10_000, firstWaitMs: 200, lingerMs: 0)) ?? []
      for delivery in deliveries { try body(delivery) }
      seen += deliveries.count
      if !deliveries.isEmpty { quiet = .now + .seconds(3) }
      if .now > quiet { break }
    }
  }
}

func say(_ text: String) {
  FileHandle.standardError.write(Data("torture: \(text)\n".utf8))
}
