import Diffusion
import Evaluation
import Network
import TestSupport
import Testing
import Training

@testable import Experiments

@Suite("Calibration")
struct CalibrationTests {
  private func study() throws -> Study {
    var log = ClickLog()
    for start in 0..<60 {
      try log.append((0..<10).map { "\((start * 7 + $0) % 30)" })
    }
    var effort = Study.Effort.quick
    effort.epochs = 6
    let parted = log.parted(byTime: ClickLog.timeShares)
    return try Study("toy", parted, effort: effort, width: 16, length: 6)
  }

  private func calibration(
    _ recipe: Recipe,
    _ change: (inout Calibration.Settings) -> Void = { _ in }
  ) throws -> Calibration {
    var recipe = recipe
    let study = try study()
    recipe.settings.batch = 32
    recipe.settings.warmUp = 4
    let model = try study.fit(recipe).model(items: study.dataset.items)
    var settings = Calibration.Settings()
    settings.guidances = [0, 1]
    settings.referenceSteps = 30
    change(&settings)
    return try Calibration(
      model,
      on: study.test,
      at: Array(0..<study.test.count),
      source: "toy.tsv",
      settings: settings
    )
  }

  private func number(_ cell: Report.Cell) -> Double? {
    switch cell {
    case .number(let value, _), .share(let value): value
    case .text, .none: nil
    }
  }

  @Test("the fewest mean steps are chosen of what is as good", arguments: [0.01, 0.2, 0.9])
  func fewest(margin: Double) throws {
    let found = try calibration(.ranked()) { $0.margin = margin }
    let (record, columns) = (found.record, found.report.columns)
    let steps = try #require(columns.firstIndex(of: "mean steps"))
    let least = try #require(columns.firstIndex(of: "at least, relative"))
    // Two guidances, the reference again, 8 fixed numbers of steps and 4 with the other guidance,
    // and 2 × 4 × 2 adaptive candidates.
    #expect(found.report.rows.count == 2 + 1 + 8 + 4 + 16)
    for row in found.report.rows {
      guard let atLeast = number(row[least]), let mean = number(row[steps]) else { continue }
      #expect(atLeast < -margin || mean >= record.meanSteps)
    }
    #expect(record.atLeast >= -margin && record.meanSteps <= 30)
    #expect(record.p50Steps <= record.p99Steps && record.p99Steps <= found.serving.steps)
    #expect(record.referenceSteps == 30 && (0...1).contains(record.overlap))
    #expect(record.reference > 0 && record.examples > 20 && record.source == "toy.tsv")
  }

  @Test("what keeps too few of the reference's items is not chosen")
  func overlap() throws {
    let free = try calibration(.ranked()) { $0.margin = 0.9 }
    #expect(free.record.meanSteps < 30 && free.record.overlap < 1)
    let bound = (free.record.overlap + 1) / 2
    let held = try calibration(.ranked()) { ($0.margin, $0.overlap) = (0.9, bound) }
    #expect(held.record.overlap >= bound && held.record.meanSteps > free.record.meanSteps)
  }

  @Test("nothing is as good as a reference that finds nothing")
  func nothing() throws {
    let study = try study()
    let recipe = Recipe.ranked()
    var weights = try study.fit(recipe).weights
    for i in weights.values.indices { weights.values[i] = .nan }
    let model = Fitted(
      name: "broken",
      weights: weights,
      schedule: recipe.settings.schedule,
      serving: recipe.settings.serving
    )
    let failure = #expect(throws: TrainingFailure.self) {
      try Calibration(
        model.model(items: study.dataset.items),
        on: study.test,
        at: Array(0..<study.test.count),
        source: "toy.tsv"
      )
    }
    #expect(failure?.reason.contains("finds none of") == true)
  }

  @Test("of a folded model only guidance is chosen; without a denoiser there is nothing to choose")
  func others() throws {
    let folded = try calibration(.published(.linear, steps: 30))
    #expect(folded.serving.sampler == .folded && folded.serving.steps == 30)
    #expect(folded.report.rows.count == 3 && folded.record.overlap == 1)
    #expect(throws: TrainingFailure.self) { try calibration(.encoder(.crossEntropy)) }
  }
}
