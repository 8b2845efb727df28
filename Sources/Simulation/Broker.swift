internal import Events
internal import Pipeline

/// Kafka as it is documented: output partitions, transactions, and the group.
///
/// A value: whoever simulates a call decides when, and whether its answer arrives.
struct Broker {
  /// Where a producer of transactions stands with its coordinator.
  private struct Producer {
    enum State: Equatable {
      case idle
      case open(sinceMs: Int64)
      /// Decided, but its markers are not yet written.
      case decided(isCommit: Bool, untilMs: Int64)
    }

    let id: Int
    var epoch = 0
    var state = State.idle
    var logs: Set<OutputPartition> = []
  }

  enum Failure: Error { case fenced, concurrent, notMember }

  private(set) var group: Group
  private(set) var logs: [OutputPartition: OutputLog] = [:]
  private var producers: [String: Producer] = [:]
  private var idsGiven = 0
  /// By idempotent producer, the next message it may store.
  private var sequences: [Int: Int] = [:]
  private(set) var expired = 0

  init(_ scenario: Scenario) {
    group = Group(partitions: scenario.partitions, isCooperative: scenario.isCooperative)
  }

  var hasOpenTransactions: Bool {
    producers.values.contains { $0.state != .idle } || group.hasPending
      || logs.values.contains { $0.lastStableOffset < $0.entries.count }
  }

  /// Does what time brings: members and transactions that are given up, markers that get written.
  mutating func tick(nowMs: Int64) {
    group.tick(nowMs: nowMs)
    for name in producers.keys.sorted() {
      switch producers[name]?.state {
      case .open(let sinceMs) where nowMs - sinceMs >= Scenario.transactionTimeoutMs:
        // The one whose it was must not go on with it.
        producers[name]?.epoch += 1
        expired += 1
        finish(name, isCommit: false)
      case .decided(let isCommit, let untilMs) where nowMs >= untilMs:
        finish(name, isCommit: isCommit)
      default: break
      }
    }
  }

  mutating func withGroup<Result>(_ body: (inout Group) -> Result) -> Result { body(&group) }

  /// Makes a producer the only one of its name, and ends what its predecessor left open.
  mutating func initialise(_ name: String) throws(Failure) -> (id: Int, epoch: Int) {
    if producers[name] == nil { producers[name] = Producer(id: newID()) }
    if case .decided = producers[name]?.state { throw .concurrent }
    producers[name]?.epoch += 1
    if case .open = producers[name]?.state { finish(name, isCommit: false) }
    return (producers[name]?.id ?? 0, producers[name]?.epoch ?? 0)
  }

  mutating func produce(
    _ messages: [Message],
    as name: String,
    epoch: Int,
    nowMs: Int64
  ) throws(Failure) {
    try open(name, epoch, nowMs)
    for message in messages {
      let place = OutputPartition(of: message)
      producers[name]?.logs.insert(place)
      let id = producers[name]?.id ?? 0
      logs[place, default: OutputLog()]
        .append(.message(message, producer: id, isTransactional: true))
    }
  }

  mutating func add(
    _ offsets: [Int: Int64],
    for member: Membership,
    as name: String,
    epoch: Int,
    nowMs: Int64
  ) throws(Failure) {
    try open(name, epoch, nowMs)
    let id = producers[name]?.id ?? 0
    if group.hold(offsets, by: member, producer: id) != .fine { throw .notMember }
  }

  /// Decides a transaction; its markers are written `lagMs` later.
  mutating func end(
    as name: String,
    epoch: Int,
    isCommit: Bool,
    nowMs: Int64,
    lagMs: Int
  ) throws(Failure) {
    guard let producer = producers[name], producer.epoch == epoch else { throw .fenced }
    guard case .open = producer.state else { return }
    if lagMs == 0 { return finish(name, isCommit: isCommit) }
    producers[name]?.state = .decided(isCommit: isCommit, untilMs: nowMs + Int64(lagMs))
  }

  /// A number for a producer without transactions.
  mutating func newID() -> Int {
    idsGiven += 1
    return idsGiven
  }

  /// Stores a message unless it has been stored: `sequence` counts what `producer` sends.
  mutating func store(_ message: Message, producer: Int, sequence: Int) {
    if sequence < sequences[producer] ?? 0 { return }
    sequences[producer] = sequence + 1
    logs[OutputPartition(of: message), default: OutputLog()]
      .append(.message(message, producer: producer, isTransactional: false))
  }

  private mutating func open(_ name: String, _ epoch: Int, _ nowMs: Int64) throws(Failure) {
    guard let producer = producers[name], producer.epoch == epoch else { throw .fenced }
    switch producer.state {
    case .open: return
    case .idle: producers[name]?.state = .open(sinceMs: nowMs)
    case .decided(let isCommit, _):
      // The client waits for its last transaction's markers by itself.
      finish(name, isCommit: isCommit)
      producers[name]?.state = .open(sinceMs: nowMs)
    }
  }

  private mutating func finish(_ name: String, isCommit: Bool) {
    guard let producer = producers[name] else { return }
    for place in producer.logs.sorted() {
      logs[place]?.append(.marker(producer: producer.id, isCommit: isCommit))
    }
    group.settle(producer: producer.id, isCommit: isCommit)
    producers[name]?.state = .idle
    producers[name]?.logs = []
  }
}

/// A partition of one of the output topics.
struct OutputPartition: Hashable, Comparable {
  private static let count = 2

  let isDeadLetters: Bool
  let number: Int

  /// Where a message goes, by its key.
  init(of message: Message) {
    isDeadLetters = message.destination == .deadLetters
    number = (message.key ?? []).reduce(0) { ($0 &* 31 &+ Int($1)) % 65_536 } % Self.count
  }

  static func < (left: Self, right: Self) -> Bool {
    (left.isDeadLetters ? 1 : 0, left.number) < (right.isDeadLetters ? 1 : 0, right.number)
  }
}
