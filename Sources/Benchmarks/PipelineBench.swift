internal import Dispatch
internal import Evaluation
internal import Events
package import Pipeline
internal import Sessions

/// What a click costs from its bytes to its suggestion's, with the log, the sessions and what is
/// published in memory.
package struct PipelineBench {
  private let limits = SessionLimits(
    maxLength: 50,
    slack: 256,
    latenessMs: 3_600_000,
    timeToLiveMs: 86_400_000
  )
  private let settings: [String: String]
  private let recommender: Recommender
  private let records: [Record]

  package init(_ setting: GenerationBench.Setting, clicks: Int) throws {
    recommender = try Recommender(model: setting.model, options: RecommenderOptions())
    var parameters = ClickGenerator.Parameters()
    (parameters.clicks, parameters.items) = (clicks, setting.items)
    var generator = ClickGenerator(parameters)
    var records: [Record] = []
    while let click = generator.next() {
      records.append(
        Record(
          position: Position(topic: "clicks", partition: 0, offset: Int64(records.count)),
          key: Array(click.user.utf8),
          value: ClickEncoder.encode(
            user: click.user,
            item: click.item,
            timestampMs: click.timestampMs,
            eventID: nil,
            type: nil
          ),
          timestampMs: click.timestampMs
        )
      )
    }
    self.records = records
    settings = setting.described
  }

  /// Carries all clicks through, and measures the turns and their stages.
  package func run(batch: Int) throws(PipelineFailure) -> [Measurement] {
    var settings = settings
    settings["batch"] = "\(batch)"
    let timed = try stages(batch: batch, clock: Self.nowNs)
    // A clock that goes by allocations tells how many each stage makes.
    let counted =
      Stopwatch.allocations == nil
      ? [:] : try stages(batch: batch) { UInt64(Stopwatch.allocations ?? 0) }
    func measurement(_ work: String, _ stage: Turn.Stage?) -> Measurement? {
      guard let times = timed[stage] else { return nil }
      let made = counted[stage].map { $0.sorted()[$0.count / 2] / Double(batch) }
      return Measurement(
        work,
        settings,
        unit: "clicks",
        perCall: batch,
        microseconds: times.map { $0 / 1_000 },
        allocations: made
      )
    }
    return [measurement("pipeline", nil)].compactMap(\.self)
      + Turn.Stage.allCases.compactMap { measurement("pipeline: \($0.rawValue)", $0) }
  }

  /// What `clock` says of every turn, under `nil`, and of its stages.
  private func stages(
    batch: Int,
    clock: @escaping @Sendable () -> UInt64
  ) throws(PipelineFailure) -> [Turn.Stage?: [Double]] {
    var pipeline = Pipeline(
      source: WholeLog([]),
      store: MemorySessions(agingByEvents: limits),
      sink: Collected(),
      recommender: recommender,
      options: PipelineOptions(maxBatch: batch),
      clock: PipelineClock(wallMs: { 0 }, monotonicNs: clock)
    )
    var stages: [Turn.Stage?: [Double]] = [:]
    for first in stride(from: 0, through: records.count - batch, by: batch) {
      pipeline.source.append(Array(records[first..<(first + batch)]))
      let start = clock()
      let turn = try pipeline.turn()
      stages[nil, default: []].append(Double(clock() - start))
      for (stage, time) in turn.nanoseconds { stages[stage, default: []].append(Double(time)) }
      _ = pipeline.sink.take()
    }
    return stages
  }

  private static func nowNs() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
