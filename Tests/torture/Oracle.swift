import Events
import Network
import Pipeline
import Sessions

/// What should have been published, and what sessions should be: the same pipeline over the same
/// log, on one thread, with nothing going wrong.
struct Oracle {
  /// What a record leads to.
  enum Outcome: Equatable {
    case nothing
    /// A suggestion, by the hash of its value.
    case suggestion(UInt64)
    case erasure
    case deadLetter
  }

  private(set) var outcomes: [Partition: [Outcome]] = [:]
  /// By user, the last record that changed the session.
  private(set) var lastChange: [String: SessionChange] = [:]
  /// By user, the erasures.
  private(set) var erasures: [String: [Position]] = [:]
  let sessions: MemorySessions

  /// Runs the pipeline over all records, those of each partition in their order.
  init(
    _ records: [Record],
    model: Model,
    limits: SessionLimits,
    maxEventBytes: Int
  ) throws {
    sessions = MemorySessions(limits: limits, nowMs: { 0 })
    var pipeline = Pipeline(
      source: WholeLog(records),
      store: sessions,
      sink: Hashes(),
      recommender: try Recommender(model: model, options: RecommenderOptions()),
      options: PipelineOptions(maxBatch: 256, maxEventBytes: maxEventBytes),
      clock: PipelineClock(wallMs: { 0 }, monotonicNs: { 0 })
    )
    while true {
      let turn = try pipeline.turn()
      if turn.records.isEmpty { return }
      var hashes = pipeline.sink.taken[...]
      pipeline.sink.taken = []
      for (record, event) in zip(turn.records, turn.events) {
        outcomes[record.position.home, default: []].append(outcome(event, &hashes))
        note(event, record.position)
      }
    }
  }

  private func outcome(_ event: Event, _ hashes: inout ArraySlice<UInt64>) -> Outcome {
    switch event {
    case .ignored, .rebuilt: return .nothing
    case .click: return .suggestion(hashes.removeFirst())
    case .erase:
      hashes.removeFirst()
      return .erasure
    case .dead:
      hashes.removeFirst()
      return .deadLetter
    }
  }

  /// Whether an erasure of the user stands within a batch behind a record.
  func isErasedSoon(_ user: String, after position: Position, batch: Int64) -> Bool {
    (erasures[user] ?? []).contains { erasure in
      erasure.home == position.home && (1...batch).contains(erasure.offset - position.offset)
    }
  }

  private mutating func note(_ event: Event, _ position: Position) {
    switch event {
    case .click(let click):
      let kind = SessionChange.Kind.click(
        item: click.item,
        timestampMs: click.timestampMs,
        eventID: click.eventID
      )
      lastChange[click.user] = SessionChange(position: position, kind: kind)
    case .erase(let user):
      lastChange[user] = SessionChange(position: position, kind: .erase)
      erasures[user, default: []].append(position)
    case .ignored, .rebuilt, .dead: return
    }
  }
}

/// FNV-1a.
func hash(_ bytes: [UInt8]) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}

private final class Hashes: MessageSink {
  let isTransactional = false
  var taken: [UInt64] = []

  func send(_ message: Message) { taken.append(hash(message.value ?? [])) }
  func commit(next: [Position], from source: inout some ClickSource) {}
  func abandon() {}
}

/// All records there are, once.
private struct WholeLog: ClickSource {
  private var rest: ArraySlice<Record>
  let assignment: Set<Partition>
  private(set) var arrived: Set<Partition>
  let membership = Membership(group: "oracle", generation: 0, member: "oracle")
  let assignmentEpoch = 0

  init(_ records: [Record]) {
    rest = records[...]
    assignment = Set(records.map(\.position.home))
    arrived = assignment
  }

  mutating func poll(max: Int, firstWaitMs: Int, lingerMs: Int) -> [Record] {
    defer { rest = rest.dropFirst(max) }
    return Array(rest.prefix(max))
  }

  func extents(of partitions: Set<Partition>) -> [Partition: Extent] { [:] }
  mutating func admit(_ starts: [Partition: Int64?]) { arrived = [] }
  func holdBack(_ partitions: Set<Partition>) {}
  func stayAlive(ms: Int) {}
  func rewind(to first: [Position]) {}
  func commit(next: [Position]) {}
}
