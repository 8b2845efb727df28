internal import Events
internal import Kafka
internal import Learning
internal import Logging
internal import Pipeline
internal import Sessions

/// Tells metrics, health and log what a pipeline's turns did.
struct TurnReporter {
  private static let progressEveryMs: Int64 = 1_000

  private let worker: Worker
  private let number: Int
  private var progressedMs: Int64 = 0
  private var partitions: Set<Partition> = []
  private var group: GroupWatch
  private var notFiniteLogged = false
  private var lessonsWait = false
  private var total = 0

  init(worker: Worker, number: Int) {
    self.worker = worker
    self.number = number
    group = GroupWatch(nowMs: Worker.monotonicMs())
  }

  /// - Returns: Whether it was time to look at progress, once a second.
  mutating func report(_ turn: Turn, from source: KafkaSource) -> Bool {
    let nowMs = Worker.monotonicMs()
    worker.health.turned(pipeline: number, nowMs: nowMs)
    source.endTurn()
    let isTime = nowMs - progressedMs >= Self.progressEveryMs
    if isTime {
      progressedMs = nowMs
      progress(source, nowMs: nowMs)
    }
    // What is folded again shows in no view.
    if turn.storeAnswered {
      worker.set(.redis, isOK: true, worker.memory == nil ? "answering" : "in this process")
    }
    for rebuild in turn.rebuilds { log(rebuild) }
    worker.metrics.rebuilds[].add(turn.rebuilds.count)
    for gap in turn.gaps { log(gap) }
    worker.metrics.unread[].add(turn.gaps.reduce(0) { $0 + $1.count })
    for (dependency, count) in turn.retries {
      worker.metrics.retries[dependency.rawValue].add(count)
      log(.warning, "waited for \(dependency.rawValue)", ["attempts": "\(count)"])
    }
    learned(turn)
    if turn.records.isEmpty { return isTime }
    if let cause = turn.abandoned {
      let level: Logger.Level = if case .failed = cause { .warning } else { .info }
      worker.metrics.abandoned[cause.name].add()
      log(level, "gave a batch up: \(cause)", ["events": "\(turn.records.count)"])
      return isTime
    }
    count(turn)
    return isTime
  }

  private func log(_ rebuild: Turn.Rebuild) {
    let details = [
      "partition": "\(rebuild.partition)", "folded": "\(rebuild.from)",
      "until": "\(rebuild.until)",
    ]
    if rebuild.isIncomplete {
      let gone = ["gone": "\(rebuild.kept - rebuild.from)"].merging(details) { $1 }
      log(.error, "sessions miss clicks that the topic keeps no longer", gone.mapValues { "\($0)" })
    }
    let message =
      rebuild.isKnown ? "folding clicks into sessions again" : "folding the topic into sessions"
    log(.notice, message, details.mapValues { "\($0)" })
  }

  private func log(_ gap: Turn.Gap) {
    log(
      .error,
      "clicks are lost: the topic kept them no longer when they were to be read",
      [
        "partition": "\(gap.partition)", "from": "\(gap.from)", "until": "\(gap.until)",
        "at_most": "\(gap.count)",
      ]
    )
  }

  private mutating func learned(_ turn: Turn) {
    if let table = turn.learned {
      worker.metrics.lessons[].set(Double(table.lessons))
      worker.metrics.liveItems[].set(Double(table.count))
    }
    worker.metrics.lessonsDropped[].add(turn.lessonsDropped)
    switch turn.learning {
    case .failed(let reason):
      worker.metrics.lessonFailures[].add()
      if !lessonsWait { log(.warning, "lessons wait", ["reason": "\(reason)"]) }
      lessonsWait = true
    case .succeeded:
      if lessonsWait { log(.notice, "lessons are learned again", [:]) }
      lessonsWait = false
    case nil: break
    }
  }

  func end() { log(.info, "pipeline ended", ["events": "\(total)"]) }

  private mutating func count(_ turn: Turn) {
    let metrics = worker.metrics
    total += turn.records.count
    metrics.batchSize[].observe(Double(turn.records.count))
    for (stage, nanoseconds) in turn.nanoseconds {
      metrics.batchSeconds[stage.rawValue].observe(Double(nanoseconds) * 1e-9)
    }
    for latencyMs in turn.latencyMs { metrics.observe(latencyMs: latencyMs) }
    metrics.unknownItems[].add(turn.unknownItems)
    for (index, event) in turn.events.enumerated() {
      switch event {
      case .ignored: metrics.events["ignored"].add()
      case .rebuilt: metrics.events["rebuilt"].add()
      case .dead(let letter):
        metrics.events["dead_letter"].add()
        metrics.deadLetters["decode", letter.reason.rawValue].add()
      case .click, .erase:
        if let view = turn.views[index] { metrics.events[view.outcome.rawValue].add() }
      }
    }
    for case let suggestion? in turn.suggestions {
      let generation = suggestion.generation
      metrics.suggestions[generation.provenance.rawValue].add()
      metrics.stopped[generation.stoppedBy].add()
      metrics.denoisingSteps[].observe(Double(generation.steps))
      if generation.stoppedBy == Recommender.notFinite, !notFiniteLogged {
        notFiniteLogged = true
        log(.error, "the model gave a value that is not finite; popular items stand in", [:])
      }
    }
  }

  /// Looks at progress, once a second, while a turn waits: a batch may wait for long.
  mutating func wait(_ source: KafkaSource) {
    let nowMs = Worker.monotonicMs()
    if nowMs - progressedMs < Self.progressEveryMs { return }
    progressedMs = nowMs
    look(source, nowMs: nowMs)
  }

  /// How we stand with the group, and what waits for us.
  private mutating func progress(_ source: KafkaSource, nowMs: Int64) {
    look(source, nowMs: nowMs)
    worker.assigned(
      partitions.count,
      pipeline: number,
      hasJoined: source.hasJoined,
      trouble: source.trouble
    )
    let lines = group.look(partitions: partitions.count, trouble: source.trouble, nowMs: nowMs)
    for line in lines { log(line.level, line.message, line.details.mapValues { "\($0)" }) }
  }

  /// Which partitions are ours, how far each is, and what waits there.
  private mutating func look(_ source: KafkaSource, nowMs: Int64) {
    let ours = source.assignment
    if ours != partitions {
      log(.info, "partitions", ["assigned": "\(ours.map(\.description).sorted())"])
    }
    for gone in partitions.subtracting(ours) {
      worker.health.released(gone)
      worker.metrics.consumerLag[gone.topic, "\(gone.number)"].set(0)
    }
    partitions = ours
    for progress in source.progress() {
      guard let lag = progress.lag, let next = progress.position else { continue }
      let partition = Partition(progress.topicPartition)
      worker.metrics.consumerLag[partition.topic, "\(partition.number)"].set(Double(lag))
      let change = worker.health.progressed(
        partition,
        next: next,
        lag: lag,
        nowMs: nowMs
      )
      let place: Logger.Metadata = [
        "partition": "\(partition)", "next": "\(next)", "lag": "\(lag)",
      ]
      switch change {
      case .stuck(let ms):
        log(.error, "a partition has stood still for \(ms / 1_000) s while messages wait", place)
      case .movesAgain: log(.notice, "a partition moves again", place)
      case nil: break
      }
    }
  }

  private func log(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) {
    var metadata = metadata
    metadata["pipeline"] = "\(number)"
    worker.logger.log(level: level, "\(message)", metadata: metadata)
  }
}
