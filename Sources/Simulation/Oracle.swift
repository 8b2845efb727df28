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
  let outcomes: [(record: Record, outcome: Outcome)]
  let sessions: [String: Session]

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
    var outcomes: [(record: Record, outcome: Outcome)] = []
    try pipeline.runThrough { record, _, message in
      outcomes.append((record, message.map(Outcome.message) ?? .nothing))
    }
    self.outcomes = outcomes
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
