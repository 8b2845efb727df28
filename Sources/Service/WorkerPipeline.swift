internal import Events
internal import Foundation
internal import Kafka
internal import Learning
internal import Logging
internal import Network
package import Pipeline
internal import Redis
internal import Sessions

extension Worker {
  /// Runs one pipeline on this thread until it is asked to stop.
  func runPipeline(_ number: Int) throws(WorkerFailure) {
    if let memory {
      note(.redis, isOK: true, "in this process")
      try turn(number, store: MemorySessions(sharing: memory)) { () throws(PipelineFailure) in }
    } else {
      let store = try RedisSessions(configuration)
      var watch = StoreWatch(
        fatalAfterMs: configuration.faults.fatalAfterMs,
        nowMs: Self.monotonicMs
      )
      try turn(number, store: store) { () throws(PipelineFailure) in
        let reason = try watch.look { () throws(SessionFailure) in _ = try store.ping() }
        set(.redis, isOK: reason == nil, reason ?? "answering")
      }
    }
  }

  /// Tells health how a dependency is, and the log when that changes.
  func set(_ dependency: Health.Dependency, isOK: Bool, _ detail: String) {
    if !note(dependency, isOK: isOK, detail) { return }
    if isOK {
      logger.notice("\(dependency.rawValue) answers again")
    } else {
      logger.warning("waiting for \(dependency.rawValue)", metadata: ["reason": "\(detail)"])
    }
  }

  /// Reads, answers and commits; `checkStore` sees, while idle, whether the store answers.
  private func turn(
    _ number: Int,
    store: some SessionStore,
    checkStore: () throws(PipelineFailure) -> Void
  ) throws(WorkerFailure) {
    do throws(PipelineFailure) {
      let log = kafkaLog(number)
      // The group comes last: who joins and fails then makes all others wait.
      let recommender = try recommender()
      if configuration.isTransactional {
        let sink = try transactionalSink(number, log)
        try turn(number, recommender, sink, store, log, checkStore: checkStore)
      } else {
        let sink = try KafkaSink(
          properties: configuration.producerSettings(bootstrap: bootstrap, pipeline: number),
          suggestions: configuration.topics.suggestions,
          deadLetters: configuration.topics.deadLetters,
          log: log,
        )
        try turn(number, recommender, sink, store, log, checkStore: checkStore)
      }
    } catch {
      note(error.dependency.checked, isOK: false, error.reason)
      throw WorkerFailure(
        reason: error.description,
        isConfiguration: error.dependency == .model
      )
    }
  }

  /// Makes a sink whose producer is ready: what a predecessor left open would keep the group's
  /// offsets from us.
  private func transactionalSink(
    _ number: Int,
    _ log: @escaping KafkaLog
  ) throws(PipelineFailure) -> TransactionalSink<KafkaTransactions> {
    let properties = configuration.producerSettings(bootstrap: bootstrap, pipeline: number)
    let timeoutMs = configuration.delivery.transactionTimeoutMs
    var sink = TransactionalSink(
      timeoutMs: timeoutMs,
      nowMs: Self.monotonicMs
    ) { () throws(TransactionFailure) in
      let stepMs = Int(self.configuration.transactionStepMs)
      return try KafkaTransactions(
        properties: properties,
        suggestions: self.configuration.topics.suggestions,
        deadLetters: self.configuration.topics.deadLetters,
        timeoutMs: stepMs,
        // It connects first, for which there is time unless we are to stop.
        firstTimeoutMs: self.mustStop ? stepMs : 2 * stepMs,
        log: log,
      )
    }
    var patience = Patience(fatalAfterMs: configuration.faults.fatalAfterMs)
    while !mustStop {
      let startedMs = Self.monotonicMs()
      do throws(PipelineFailure) {
        try sink.prepare()
        break
      } catch {
        if error.remedy == .stop { throw error }
        set(.kafka, isOK: false, error.reason)
        switch patience.failed(startedMs: startedMs, nowMs: Self.monotonicMs()) {
        case .wait(let ms): Thread.sleep(forTimeInterval: Double(ms) / 1_000)
        case .giveUp(let ms):
          var failure = error
          failure.reason += "; it has failed for \(ms / 1_000) s"
          throw failure
        }
      }
    }
    return sink
  }

  private func turn(
    _ number: Int,
    _ recommender: Recommender,
    _ sink: some MessageSink,
    _ store: some SessionStore,
    _ log: @escaping KafkaLog,
    checkStore: () throws(PipelineFailure) -> Void
  ) throws(PipelineFailure) {
    let source = try KafkaSource(
      properties: configuration.consumerSettings(bootstrap: bootstrap, pipeline: number),
      connection: configuration.connectionSettings(bootstrap: bootstrap),
      topics: [configuration.topics.clicks],
      timeToLiveMs: configuration.sessions.ttlMs,
      fatalAfterMs: configuration.faults.fatalAfterMs,
      // A group waits as long for a member that is gone.
      settleWithinMs: configuration.faults.fatalAfterMs + sessionTimeoutMs,
      nowMs: Self.monotonicMs,
      log: log,
    )
    logger.info(
      "joining the group",
      metadata: ["group": "\(configuration.kafka.group)", "pipeline": "\(number)"]
    )
    var pipeline = Pipeline(
      source: source,
      store: store,
      sink: sink,
      recommender: recommender,
      options: pipelineOptions(),
      clock: PipelineClock(wallMs: Self.wallMs, monotonicNs: Self.monotonicNs),
    )
    if configuration.learn.liveItems {
      pipeline.learner = LiveLearner(of: recommender.catalogue, log: try lessonLog())
    }
    try loop(number, &pipeline, checkStore: checkStore)
  }

  private func lessonLog() throws(PipelineFailure) -> any LessonLog & Sendable {
    if memory != nil { return MemoryLessons(sharing: lessons) }
    do throws(WorkerFailure) {
      return RedisLessons(
        settings: try RedisSettings(configuration),
        prefix: configuration.redis.prefix,
        model: model.manifest.version,
        timeToLiveMs: configuration.sessions.ttlMs
      )
    } catch {
      throw PipelineFailure(remedy: .stop, dependency: .sessions, reason: error.reason)
    }
  }

  private func loop(
    _ number: Int,
    _ pipeline: inout Pipeline<KafkaSource, some SessionStore, some MessageSink>,
    checkStore: () throws(PipelineFailure) -> Void
  ) throws(PipelineFailure) {
    var reporter = TurnReporter(worker: self, number: number)
    pipeline.source.whileWaiting = { reporter.wait($0) }
    while !mustStop {
      let turn = try pipeline.turn()
      if reporter.report(turn, from: pipeline.source), turn.records.isEmpty {
        try checkStore()
      }
    }
    try pipeline.finish()
    reporter.end()
  }

  /// After which a silent member is out of the group; 45 s where librdkafka is told nothing.
  private var sessionTimeoutMs: Int64 {
    configuration.consumerSettings(bootstrap: bootstrap)["session.timeout.ms"]
      .flatMap { Int64($0) } ?? 45_000
  }

  private func pipelineOptions() -> PipelineOptions {
    var options = configuration.pipelineOptions
    options.shouldStop = { self.mustStop }
    options.silenceMs = sessionTimeoutMs / 2
    options.onWait = { failure in
      self.set(failure.dependency.checked, isOK: false, failure.reason)
    }
    return options
  }

  private func recommender() throws(PipelineFailure) -> Recommender {
    do throws(RecommenderFailure) {
      return try Recommender(model: model, options: try configuration.recommenderOptions())
    } catch {
      throw PipelineFailure(remedy: .stop, dependency: .model, reason: error.reason)
    }
  }

  /// librdkafka's own log goes into ours.
  private func kafkaLog(_ number: Int) -> KafkaLog {
    let logger = logger
    return { level, facility, text in
      let level: Logger.Level =
        switch level {
        case ...3: .error
        case 4: .warning
        case 5, 6: .info
        default: .debug
        }
      logger.log(
        level: level,
        "\(text)",
        metadata: ["facility": "\(facility)", "pipeline": "\(number)"]
      )
    }
  }
}

extension PipelineFailure.Dependency {
  /// What readiness calls it.
  fileprivate var checked: Health.Dependency {
    switch self {
    case .kafka: .kafka
    case .sessions: .redis
    case .model: .model
    }
  }
}

extension Configuration {
  /// What a pipeline is told, wherever its ends are.
  package var pipelineOptions: PipelineOptions {
    var options = PipelineOptions(
      maxBatch: batch.maxSize,
      maxDelayMs: Int(batch.maxDelayMs),
      fatalAfterMs: faults.fatalAfterMs,
      countedTypes: Set(events.types),
      maxEventBytes: events.maxBytes,
      worker: worker.name,
    )
    options.maxSuggestionBytes = suggestionBytes
    return options
  }
}
