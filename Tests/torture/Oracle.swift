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
    /// By the hash of all but who wrote it.
    case deadLetter(UInt64)
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
      sink: Collected(),
      recommender: try Recommender(model: model, options: RecommenderOptions()),
      options: PipelineOptions(maxBatch: 256, maxEventBytes: maxEventBytes),
      clock: PipelineClock(wallMs: { 0 }, monotonicNs: { 0 })
    )
    try pipeline.runThrough { note($0.position, $1, $2) }
  }

  /// Whether an erasure of the user stands within a batch behind a record.
  func isErasedSoon(_ user: String, after position: Position, batch: Int64) -> Bool {
    (erasures[user] ?? []).contains { erasure in
      erasure.home == position.home && (1...batch).contains(erasure.offset - position.offset)
    }
  }

  private mutating func note(_ position: Position, _ event: Event, _ message: Message?) {
    var outcome = Outcome.nothing
    switch event {
    case .click(let click):
      outcome = .suggestion(hash(message?.value ?? []))
      let kind = SessionChange.Kind.click(
        item: click.item,
        timestampMs: click.timestampMs,
        eventID: click.eventID
      )
      lastChange[click.user] = SessionChange(position: position, kind: kind)
    case .erase(let user):
      outcome = .erasure
      lastChange[user] = SessionChange(position: position, kind: .erase)
      erasures[user, default: []].append(position)
    case .dead:
      outcome = .deadLetter(
        hash(letter: message?.key, message?.value, headers: message?.headers ?? [])
      )
    case .ignored, .rebuilt: break
    }
    outcomes[position.home, default: []].append(outcome)
  }
}

/// FNV-1a.
func hash(_ bytes: [UInt8]) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}

/// A dead letter's hash: of key, value and all headers but the one that names the worker.
func hash(letter key: [UInt8]?, _ value: [UInt8]?, headers: [Header]) -> UInt64 {
  var bytes: [UInt8] = []
  func add(_ part: [UInt8]?) { bytes += Array("\(part?.count ?? -1):".utf8) + (part ?? []) }
  add(key)
  add(value)
  for header in headers where header.name != DeadLetter.prefix + "worker" {
    add(Array(header.name.utf8))
    add(header.value)
  }
  return hash(bytes)
}
