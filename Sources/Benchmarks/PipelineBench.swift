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
    var pipeline = Pipeline(
      source: WholeLog([]),
      store: MemorySessions(agingByEvents: limits),
      sink: Collected(),
      recommender: recommender,
      options: PipelineOptions(maxBatch: batch),
      clock: PipelineClock(wallMs: { 0 }, monotonicNs: Self.nowNs)
    )
    var settings = settings
    settings["batch"] = "\(batch)"
    var (times, stages) = ([Double](), [Turn.Stage: [Double]]())
    for first in stride(from: 0, through: records.count - batch, by: batch) {
      pipeline.source.append(Array(records[first..<(first + batch)]))
      let startNs = Self.nowNs()
      let turn = try pipeline.turn()
      times.append(Double(Self.nowNs() - startNs) / 1_000)
      for (stage, ns) in turn.nanoseconds { stages[stage, default: []].append(Double(ns) / 1_000) }
      _ = pipeline.sink.take()
    }
    func measurement(_ work: String, _ times: [Double]) -> Measurement {
      Measurement(work, settings, unit: "clicks", perCall: batch, microseconds: times)
    }
    return [measurement("pipeline", times)]
      + Turn.Stage.allCases.compactMap { stage in
        stages[stage].map { measurement("pipeline: \(stage.rawValue)", $0) }
      }
  }

  private static func nowNs() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
