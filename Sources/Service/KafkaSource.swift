package import Events
package import Kafka
package import Pipeline

/// Clicks from a consumer group.
///
/// Made and used on one thread. While a batch is waited for, its partitions are paused and polling
/// goes on, so the group does not take the worker for dead. Letting go leaves the group.
package final class KafkaSource: ClickSource {
  private static let probeTimeoutMs = 1_000
  /// Asking is rare and short: it holds the polling up.
  private static let askEveryMs: Int64 = 15_000
  private static let askTimeoutMs = 500
  private static let commitTimeoutMs = 2_000
  private static let joined = "steady"
  private static let justAssigned: Set = ["_STATE", "_PREV_IN_PROGRESS"]

  private let consumer: Consumer
  private let connection: [String: String]
  private let topics: [String]
  private let timeToLiveMs: Int64
  private let fatalAfterMs: Int64
  private let settleWithinMs: Int64
  private let answerWithinMs: Int
  private let nowMs: () -> Int64
  private var outage: KafkaOutage
  private var askedMs: Int64
  /// Since when we have no partitions and the group is not done with joining.
  private var unsettledMs: Int64?
  private var isPaused = false
  /// Taken while paused; given out by the next poll.
  private var held: [Delivery] = []
  /// Where what the last poll gave out begins, until the turn ends.
  private var given: [TopicPartition: Int64] = [:]
  /// Where it was rewound to, until something comes from there.
  private var rewound: [TopicPartition: Int64] = [:]
  /// Called now and then while a batch waits.
  var whileWaiting: (KafkaSource) -> Void = { _ in }

  package var assignmentEpoch: Int { consumer.assignmentEpoch }
  /// Whether the group knows us, partitions or not.
  package var hasJoined: Bool { consumer.memberID != nil }
  package var assignment: Set<Partition> { Set(consumer.assignment.map(Partition.init)) }
  package var arrived: Set<Partition> { Set(consumer.arrived.map(Partition.init)) }
  package var membership: Membership {
    (try? consumer.groupMember()).map(Membership.init)
      ?? Membership(group: "", generation: -1, member: "")
  }
  /// How far joining the group is, in librdkafka's words.
  package var joinState: String? { consumer.joinState }
  /// What keeps clicks from coming; `nil` once it is over.
  package var trouble: KafkaTrouble? { outage.trouble }

  /// Joins the group.
  ///
  /// - Parameters:
  ///   - properties: librdkafka's.
  ///   - connection: Those of them that say how to reach the brokers.
  ///   - topics: Where the clicks are.
  ///   - timeToLiveMs: Messages older than that are in nobody's session.
  ///   - fatalAfterMs: For how long the brokers may be out of reach.
  ///   - settleWithinMs: For how long joining may stand still, once it was seen to.
  ///   - answerWithinMs: How long to wait for each answer about partitions, and for a seek.
  ///   - nowMs: A clock that only grows.
  ///   - log: What librdkafka has to say.
  /// - Throws: `stop` if librdkafka refuses the properties.
  package init(
    properties: [String: String],
    connection: [String: String],
    topics: [String],
    timeToLiveMs: Int64,
    fatalAfterMs: Int64,
    settleWithinMs: Int64,
    answerWithinMs: Int = 5_000,
    nowMs: @escaping () -> Int64,
    log: KafkaLog?
  ) throws(PipelineFailure) {
    do throws(KafkaFailure) {
      let consumer = try Consumer(settings: properties, holdsArrivals: true, log: log)
      try consumer.subscribe(to: topics)
      self.consumer = consumer
    } catch {
      throw PipelineFailure(error)
    }
    self.connection = connection
    self.topics = topics
    self.timeToLiveMs = timeToLiveMs
    self.fatalAfterMs = fatalAfterMs
    self.settleWithinMs = settleWithinMs
    self.answerWithinMs = answerWithinMs
    self.nowMs = nowMs
    askedMs = nowMs()
    outage = KafkaOutage(brokers: connection["bootstrap.servers"] ?? "", nowMs: nowMs())
  }

  package func poll(
    max: Int,
    firstWaitMs: Int,
    lingerMs: Int
  ) throws(PipelineFailure) -> [Record] {
    try watchJoining()
    do throws(KafkaFailure) {
      if isPaused {
        try consumer.resumeAll()
        isPaused = false
      }
      let taken =
        held.isEmpty
        ? try consumer.poll(max: max, firstWaitMs: firstWaitMs, lingerMs: lingerMs) : held
      held = []
      given = Self.starts(of: taken)
      for partition in given.keys { rewound[partition] = nil }
      if taken.isEmpty { try probe() } else { outage.answered(nowMs: nowMs()) }
      return taken.map(Record.init)
    } catch {
      try waitOut(error)
      return []
    }
  }

  /// Brokers may answer every question but the one for our partitions: then no partition stands
  /// still, as none is ours, and only joining anew helps.
  private func watchJoining() throws(PipelineFailure) {
    let state = joinState
    if state == nil || state == Self.joined || !consumer.assignment.isEmpty {
      unsettledMs = nil
      return
    }
    let sinceMs = unsettledMs ?? nowMs()
    unsettledMs = sinceMs
    let lastedMs = nowMs() - sinceMs
    if lastedMs >= settleWithinMs {
      throw PipelineFailure(
        remedy: .stop,
        dependency: .kafka,
        reason: "joining the group has stood at \(state ?? "") for \(lastedMs / 1_000) s"
      )
    }
  }

  package func extents(
    of partitions: Set<Partition>
  ) throws(PipelineFailure) -> [Partition: Extent] {
    let asked = Set(partitions.map(\.topicPartition))
    do throws(KafkaFailure) {
      let committed = try consumer.committed(asked, timeoutMs: answerWithinMs)
      let first = try consumer.firstOffsets(of: asked, timeoutMs: answerWithinMs)
      let relevant = try consumer.offsets(
        since: Worker.wallMs() - timeToLiveMs,
        of: asked,
        timeoutMs: answerWithinMs
      )
      let end = try consumer.endOffsets(of: asked, timeoutMs: answerWithinMs)
      let extents = asked.map { place in
        let extent = Extent(
          committed: committed[place],
          first: first[place] ?? 0,
          relevant: relevant[place],
          end: end[place]
        )
        return (Partition(place), extent)
      }
      return Dictionary(uniqueKeysWithValues: extents)
    } catch {
      throw PipelineFailure(error)
    }
  }

  package func admit(_ starts: [Partition: Int64?]) throws(PipelineFailure) {
    let starts = Dictionary(uniqueKeysWithValues: starts.map { ($0.topicPartition, $1) })
    do throws(KafkaFailure) {
      try consumer.admit(starts, timeoutMs: answerWithinMs)
      for partition in starts.keys { rewound[partition] = nil }
    } catch {
      throw PipelineFailure(error)
    }
  }

  package func holdBack(_ partitions: Set<Partition>) throws(PipelineFailure) {
    do throws(KafkaFailure) {
      try consumer.holdBack(Set(partitions.map(\.topicPartition)))
    } catch {
      throw PipelineFailure(error)
    }
  }

  package func stayAlive(ms: Int) throws(PipelineFailure) {
    let untilMs = nowMs() + Int64(ms)
    do throws(KafkaFailure) {
      if !isPaused {
        try consumer.pauseAll()
        isPaused = true
      }
      repeat {
        let leftMs = Swift.max(0, untilMs - nowMs())
        held += try consumer.poll(max: 1, firstWaitMs: Int(leftMs), lingerMs: 0)
        whileWaiting(self)
      } while nowMs() < untilMs
    } catch {
      try waitOut(error)
    }
  }

  package func rewind(to first: [Position]) throws(PipelineFailure) {
    let offsets = TopicPartition.offsets(first, uniquingWith: min).merging(
      Self.starts(of: held),
      uniquingKeysWith: min
    )
    do throws(KafkaFailure) {
      try consumer.rewind(to: offsets, timeoutMs: answerWithinMs)
    } catch {
      // A partition that was assigned a moment ago starts at its committed offset by itself.
      if !Self.justAssigned.contains(error.code) {
        // Until it succeeds, where the next message comes from is not known: what is held stays so.
        let remedy: PipelineFailure.Remedy = error.remedy == .retry ? .retry : .stop
        throw PipelineFailure(remedy: remedy, dependency: .kafka, reason: error.description)
      }
    }
    held = []
    rewound.merge(offsets) { $1 }
  }

  package func commit(next: [Position]) throws(PipelineFailure) {
    let offsets = TopicPartition.offsets(next, uniquingWith: Swift.max)
    do throws(KafkaFailure) {
      try consumer.commit(offsets: offsets, timeoutMs: Self.commitTimeoutMs)
    } catch {
      throw PipelineFailure(error)
    }
  }

  /// What the last poll gave out is done, or comes again.
  package func endTurn() { given = [:] }

  /// How far each partition of ours is processed, and how much waits there, what was given out and
  /// is not done included.
  ///
  /// Now and then the brokers are asked about partitions from which nothing came.
  package func progress() -> [PartitionProgress] {
    if nowMs() - askedMs >= Self.askEveryMs {
      askedMs = nowMs()
      try? consumer.askAboutSilent(timeoutMs: Self.askTimeoutMs)
    }
    let undone = Self.starts(of: held).merging(given, uniquingKeysWith: min)
      .merging(rewound, uniquingKeysWith: min)
    return ((try? consumer.progress()) ?? []).map { $0.undone(from: undone[$0.topicPartition]) }
  }

  private static func starts(of taken: [Delivery]) -> [TopicPartition: Int64] {
    Dictionary(taken.map { ($0.topicPartition, $0.offset) }, uniquingKeysWith: min)
  }

  /// Asks now and then, when nothing came, whether the brokers and our topics are there: that tells
  /// a silent topic from a silent broker.
  private func probe() throws(KafkaFailure) {
    guard outage.mayProbe(nowMs: nowMs(), complaint: consumer.lastError) else { return }
    let admin = try Admin(settings: connection)
    let found = try admin.metadata(timeoutMs: Self.probeTimeoutMs).partitions
    let ours = Set(consumer.assignment.map(\.topic))
    outage.answered(
      nowMs: nowMs(),
      missing: topics.filter { found[$0] == nil && !ours.contains($0) }
    )
  }

  private func waitOut(_ failure: KafkaFailure) throws(PipelineFailure) {
    if failure.remedy == .stop { throw PipelineFailure(failure) }
    let lastedMs = outage.failed(failure, nowMs: nowMs())
    if lastedMs >= fatalAfterMs {
      throw PipelineFailure(
        remedy: .stop,
        dependency: .kafka,
        reason: "\(outage.trouble?.reason ?? ""); it has failed for \(lastedMs / 1_000) s"
      )
    }
  }
}
