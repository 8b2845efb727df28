internal import Events
internal import Pipeline
internal import Sessions

/// What should come of a log: the pipeline over it, in order, with nothing going wrong.
struct Oracle {
  enum Outcome: Equatable {
    case nothing
    case message(Message)
  }

  /// In the order of the records.
  private(set) var outcomes: [(record: Record, outcome: Outcome)] = []
  private(set) var sessions: [String: Session]

  /// Answers each record from the session as of it, or, if it `forgets`, as if there were none.
  init(
    _ records: [Record],
    recommender: Recommender,
    limits: SessionLimits,
    forgets: Bool = false
  ) throws(PipelineFailure) {
    var pipeline = Pipeline(
      source: WholeLog(records),
      store: PlainStore(limits: limits, forgets: forgets),
      sink: Collected(),
      recommender: recommender,
      options: PipelineOptions(maxBatch: 16, worker: "simulated"),
      clock: PipelineClock(wallMs: { 0 }, monotonicNs: { 0 })
    )
    while true {
      let turn = try pipeline.turn()
      if turn.records.isEmpty { break }
      var messages = pipeline.sink.messages[...]
      pipeline.sink.messages = []
      for (record, event) in zip(turn.records, turn.events) {
        switch event {
        case .ignored, .rebuilt: outcomes.append((record, .nothing))
        case .click, .erase, .dead: outcomes.append((record, .message(messages.removeFirst())))
        }
      }
    }
    sessions = pipeline.store.server.sessions
  }
}

/// Sessions as they follow from the log alone.
private struct PlainStore: SessionStore {
  var server = SessionServer()
  let limits: SessionLimits
  let forgets: Bool

  init(limits: SessionLimits, forgets: Bool) {
    self.limits = limits
    self.forgets = forgets
  }

  func claim(
    _ partitions: Set<Partition>,
    for member: Membership,
    afresh: Set<Partition>
  ) -> [Partition: Int64] { [:] }

  mutating func apply(_ batch: [UserChanges]) -> [[SessionView]] {
    batch.map { one in
      let views = server.fold(one, limits)
      if !forgets { return views }
      return views.map { SessionView(outcome: $0.outcome, items: [], ordinal: 0) }
    }
  }

  func mark(_ next: [Position]) {}
}

private struct Collected: MessageSink {
  let isTransactional = false
  var messages: [Message] = []

  mutating func send(_ message: Message) { messages.append(message) }
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
