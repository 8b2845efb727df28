import Evaluation
import Files
import Network
import Testing
import Training

@testable import Experiments

/// Every experiment from end to end, on clicks in which item i is followed by item i + 1.
@Suite("Experiments")
struct ExperimentTests {
  private func study(epochs: Int) throws -> Study {
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
      note: { _ in }
    )
  }

  @Test("each fills its table and draws its plot", arguments: Experiment.allCases)
  func runs(_ experiment: Experiment) throws {
    let report = try experiment.run(try study(epochs: 1))
    let least: [Experiment: Int] = [
      .schedules: 32, .starts: 48, .acceleration: 39, .guidance: 30, .baselines: 14, .privacy: 30,
      .explanations: 12,
    ]
    #expect(report.experiment == experiment.rawValue)
    #expect(report.rows.count == least[experiment])
    #expect(report.plots.values.allSatisfy { $0.svg.contains("class=\"marker\"") })
    #expect(report.plots.isEmpty == (experiment == .baselines))
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
    #expect(measured.meanSteps == 2 && measured.steps(percentile: 0.99) == 2)
    let again = try study.measure(try study.fit(recipe))
    #expect(again.answers == measured.answers)
  }
}
