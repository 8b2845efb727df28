internal import Diffusion
internal import Dispatch
package import Events
internal import Learning
package import Pipeline
package import Sessions

/// The pipeline that serves, over a stream of the past.
///
/// Users are shared out over lanes, each a pipeline on a thread of its own. What comes of a record
/// depends on its user's earlier records alone: neither batches nor lanes change a byte. One that
/// learns does so after every ``step`` records of the stream, wherever their users are.
package struct Replay: ~Copyable {
  private let lanes: [Lane]
  private let batch: Int
  /// Records from one learning to the next.
  package static let step = 64
  /// What is live before the first record; `nil` if nothing is learned.
  private let live: LiveItems?

  /// - Parameters:
  ///   - recommender: Copied for each lane.
  ///   - options: Of each pipeline.
  ///   - limits: Of each session.
  ///   - lanes: How many threads.
  package init(
    recommender: Recommender,
    options: PipelineOptions,
    limits: SessionLimits,
    lanes: Int
  ) {
    self.lanes = (0..<max(1, lanes)).map { _ in Lane(recommender, options, limits) }
    live = recommender.options.learns ? LiveItems(of: recommender.catalogue) : nil
    batch = live == nil ? options.maxBatch * max(1, lanes) : Self.step
  }

  /// Replays what `next` gives, and tells `body` of the answers, in the order of the records.
  ///
  /// `next` is asked for up to so many records, and gives none at the end. Both are called on this
  /// thread; reading ahead, while the lanes are at work, which is quicker, and keeps answers back
  /// until `next` returns.
  ///
  /// - Throws: What either of them throws, or the `PipelineFailure` that ended a lane.
  package func run(
    readsAhead: Bool = true,
    next: (Int) throws -> [Record],
    body: ([Answer]) throws -> Void
  ) throws {
    var answers: [Answer] = []
    var live = live
    var (passed, lessons) = (0, [Lesson]())
    var records = try next(batch)
    while !records.isEmpty {
      let atWork = DispatchGroup()
      for (lane, share) in zip(lanes, shares(records)) {
        DispatchQueue.global().async(group: atWork) { lane.run(share) }
      }
      var upcoming: [Record] = []
      do {
        defer { atWork.wait() }
        if readsAhead {
          try body(answers)
          upcoming = try next(batch - (passed + records.count) % batch)
        }
      }
      answers = try merged(records)
      passed += records.count
      lessons += answers.compactMap(\.lesson)
      if passed.isMultiple(of: batch) { learn(&lessons, &live) }
      if !readsAhead {
        try body(answers)
        upcoming = try next(batch - passed % batch)
      }
      records = upcoming
    }
    if readsAhead { try body(answers) }
  }

  private func learn(_ lessons: inout [Lesson], _ live: inout LiveItems?) {
    if live == nil || lessons.isEmpty { return }
    for lesson in lessons { live?.learn(lesson) }
    lessons.removeAll(keepingCapacity: true)
    guard let table = live.map(LiveTable.init) else { return }
    for lane in lanes { lane.follow(table) }
  }

  /// The records of each lane.
  private func shares(_ records: [Record]) -> [[Record]] {
    if lanes.count == 1 { return [records] }
    var shares = [[Record]](repeating: [], count: lanes.count)
    for record in records { shares[lane(of: record)].append(record) }
    return shares
  }

  /// The lanes' answers in the order of the records.
  private func merged(_ records: [Record]) throws(PipelineFailure) -> [Answer] {
    if lanes.count == 1 { return try lanes[0].take() }
    var answers: [ArraySlice<Answer>] = []
    for lane in lanes { answers.append(try lane.take()[...]) }
    return records.compactMap { answers[lane(of: $0)].popFirst() }
  }

  /// By its user, which is its key where it has one.
  private func lane(of record: Record) -> Int {
    if let key = record.key { return Int(stableHash(key) % UInt64(lanes.count)) }
    guard case .click(let click) = try? ClickDecoder.decode(record) else { return 0 }
    return Int(stableHash(click.user) % UInt64(lanes.count))
  }
}
