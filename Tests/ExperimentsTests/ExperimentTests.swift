import Evaluation
import Files
import Network
import Testing
import Training

@testable import Experiments

/// Every experiment from end to end, on clicks in which item i is followed by item i + 1.
@Suite("Experiments")
struct ExperimentTests {
  private func study(
    epochs: Int,
    note: @escaping (String) -> Void = { _ in }
  ) throws -> Study {
    var log = ClickLog()
    for start in 0..<60 {
      let ids = (0..<10).map { "\((start * 7 + $0) % 30)" }
      try log.append(ids, timesMs: (0..<10).map { Int64(start * 10 + $0) })
    }
    var effort = Study.Effort.quick
    effort.epochs = epochs
    return try Study(
      "toy",
      log.parted(byTime: ClickLog.timeShares),
      effort: effort,
      width: 16,
      length: 6,
      note: note
    )
  }

  @Test("each fills its table and draws its plot", arguments: Experiment.allCases)
  func runs(_ experiment: Experiment) throws {
    var trained = 0
    let study = try study(epochs: 1) { if $0.hasPrefix("trained") { trained += 1 } }
    let report = try experiment.run(study)
    #expect(trained == experiment.trainings(study.effort))
    let least: [Experiment: Int] = [
      .schedules: 32, .starts: 48, .acceleration: 39, .guidance: 30, .baselines: 14, .privacy: 30,
      .explanations: 12,
    ]
    #expect(report.experiment == experiment.rawValue)
    #expect(report.rows.count == least[experiment])
    #expect(report.plots.values.allSatisfy { $0.svg.contains("class=\"marker\"") })
    #expect(report.plots.isEmpty == (experiment == .baselines))
    for line in report.plots.values.flatMap(\.series) {
      let places = line.points.map(\.x)
      #expect(places == places.sorted() || places == places.sorted(by: >), "\(line.name)")
    }
  }

  /// A number of a report's row, found by the texts it begins with.
  private func number(_ report: Report, _ texts: [String], _ column: String) throws -> Double {
    let row = try #require(
      report.rows.first { row in zip(row, texts).allSatisfy { $0.0 == .text($0.1) } }
    )
    let at = try #require(report.columns.firstIndex(of: column))
    switch row[at] {
    case .number(let value, _), .share(let value): return value
    case .text, .none: throw TrainingFailure("no number in \(column)")
    }
  }

  @Test("the test part is what is judged")
  func judged() throws {
    let study = try study(epochs: 1)
    // The latest tenth of 600 clicks, all of sessions whose beginning lies before.
    #expect(study.test.count == study.judged.count && study.facts.count == study.test.count)
    #expect((0..<study.test.count).allSatisfy { study.test.sequence($0) >= 54 })
  }

  @Test("the clicks an explanation names lose most, and the attacker finds the last click")
  func meaning() throws {
    let study = try study(epochs: 1)
    let deleted = try Experiment.explanations.run(study)
    let named = try number(deleted, ["ours", "as explained"], "score lost")
    for choice in ["the latest", "any"] {
      #expect(named >= (try number(deleted, ["ours", choice], "score lost")))
    }
    #expect(named > 0)
  }

  @Test("an attacker with the model asks it, and finds no less than one without")
  func attacked() throws {
    let report = try Experiment.privacy.run(try study(epochs: 8))
    for model in [Recipe.ours(), .ranked(), .published(.mlp)].map(\.name) {
      func found(_ attacker: String) throws -> Double {
        try number(report, [model, "last click, \(attacker)", "oracle"], "top 10")
      }
      let (with, without) = (try found("with the model"), try found("nearest"))
      #expect(with >= without - 0.05, "\(model)")
      // Who compares with h, and asks no denoiser, finds a third for the mlp.
      #expect(with > 0.6, "\(model)")
    }
  }

  @Test("clicks that the model cannot be judged by are refused")
  func foreign() throws {
    var log = ClickLog()
    for _ in 0..<20 { try log.append(["a", "b", "c"], parts: ["train", "train", "train"]) }
    try log.append(["x", "y"], parts: ["test", "test"])
    let failure = #expect(throws: TrainingFailure.self) {
      try Study("foreign", log, effort: .quick)
    }
    #expect(failure?.reason.contains("knows none of 1 next items") == true)
  }

  @Test("counts learn no more than models, and lists are measured in one space")
  func alike() throws {
    var log = ClickLog()
    for start in 0..<60 {
      let ids = (0..<10).map { "\((start * 7 + $0) % 30)" }
      let parts = (0..<10).map { $0 < 9 ? "train" : "test" }
      try log.append(ids, timesMs: (0..<10).map { Int64(start * 10 + $0) }, parts: parts)
    }
    var effort = Study.Effort.quick
    effort.epochs = 1
    let study = try Study("alike", log, effort: effort, width: 16, length: 6)
    #expect(study.dataset.training.count == 480 - 48 && study.dataset.validation.count == 48)
    let learned = study.log.parts.count { study.log.partNames[Int($0)] == "train" }
    // The first click of a session is in histories alone.
    #expect(learned == 60 + 480 - 48)
    let report = try Experiment.baselines.run(study)
    let distances = try ["ours", "popularity"].map {
      try number(report, [$0], "intra-list distance")
    }
    let popular = study.counted(
      Popularity(),
      embeddings: study.embeddings(try study.fit(.ours()))
    )
    #expect(distances[1] == popular.quality.measures.intraListDistance)
  }

  /// Sessions that walk around 40 items with a stride of their own, 1 to 5: the last click leaves
  /// five items open, the last two leave one.
  private func strides() throws -> Study {
    var log = ClickLog()
    for session in 0..<400 {
      let (start, stride) = (session / 5 * 7 % 40, session % 5 + 1)
      let ids = (0..<8).map { "\((start + $0 * stride) % 40)" }
      try log.append(ids, timesMs: (0..<8).map { Int64(session * 8 + $0) })
    }
    var effort = Study.Effort.quick
    effort.epochs = 80
    let parted = log.parted(byTime: ClickLog.timeShares)
    return try Study("strides", parted, effort: effort, width: 32, length: 6)
  }

  @Test("ours beats transition counts by 10 points of NDCG@20 where order matters")
  func quality() throws {
    let study = try strides()
    var recipe = Recipe.ours()
    recipe.settings.batch = 64
    let ours = try study.measure(try study.fit(recipe))
    let counts = study.counted(TransitionCounts())
    #expect(counts.mean(.ndcg) > 0.5, "counts know the five: \(counts.mean(.ndcg))")
    #expect(ours.mean(.ndcg) > counts.mean(.ndcg) + 0.1, "ours: \(ours.mean(.ndcg))")
  }

  @Test("ours learns what follows, and its numbers repeat")
  func learns() throws {
    let study = try study(epochs: 30)
    var recipe = Recipe.ours()
    recipe.settings.batch = 32
    recipe.settings.warmUp = 4
    let model = try study.fit(recipe)
    let measured = try study.measure(model)
    #expect(measured.mean(.ndcg) > 0.9)
    #expect(measured.steps.mean == 2 && measured.steps.percentile(0.99) == 2)
    let again = try study.measure(try study.fit(recipe))
    #expect(again.answers == measured.answers)
  }
}
