import Diffusion
import Evaluation
import Network
import Training

extension Study {
  /// All steps, fewer, warm starts, rules that stop early, a consistent model, the folded one.
  func acceleration() throws(TrainingFailure) -> Report {
    var table = AccelerationTable(self)
    let model = try fit(.ranked())
    _ = try table.add(model, "DDPM 500") { $0.serving.sampler = .ddpm }
    let fixed = try table.addFixed(model, [50, 20, 10, 5, 3, 2, 1])
    let adaptive = try table.addAdaptive(model)
    for share: Float in [0.4, 0.6, 0.8] {
      _ = try table.add(model, "from previous x̂₀ at \(share)·T, DDIM 2") {
        $0.serving.steps = 2
        $0.start = .from(.previous, share: share)
      }
    }
    var consistent = Recipe.ranked(steps: 1)
    consistent.settings.objective.consistencyWeight = 1
    var trained = try fit(consistent)
    trained.name = "mlp, CE, consistency"
    _ = try table.addFixed(trained, [1, 2, 20])
    _ = try table.add(try fit(.published(.linear)), "folded 500") { _ in }
    _ = try table.addFixed(try fit(.ours()), [1, 2, 5, 20])

    table.report.plots[""] = Plot(
      title: "Fixed and adaptive numbers of steps on \(name)",
      x: .init(label: "mean denoiser calls", scale: .log2),
      y: .init(label: "NDCG@20, %", scale: .linear),
      series: [
        Plot.Series(name: "DDIM, fixed", points: fixed)
      ]
        + adaptive.map { patience, points in
          // Joined in the order of the axis, not of ε.
          let inOrder = points.sorted { $0.x < $1.x }
          return Plot.Series(name: "DDIM 20, relative change × \(patience)", points: inOrder)
        }
    )
    return table.report
  }
}

/// The rows of the experiment as they are measured.
private struct AccelerationTable {
  let study: Study
  var report: Report

  init(_ study: Study) {
    self.study = study
    report = Report(
      "acceleration",
      summary: """
        Ways to spend fewer denoiser calls, T = 500. A rule ε × m stops a user once m steps in a \
        row changed the estimate by less than ε; "static" is DDIM with as many steps as the rule \
        took on average. "µs a user" is by the clock, on all cores. \(study.setting)
        """,
      columns: [
        "model", "sampler", "mean steps", "p50", "p99", "HR@20", "NDCG@20", "± 95 %", "µs a user",
      ]
    )
  }

  mutating func add(
    _ model: Fitted,
    _ sampler: String,
    _ change: (inout RankingOptions) -> Void
  ) throws(TrainingFailure) -> Plot.Point {
    let measured = try study.measure(model, change)
    let (ranked, steps) = (study.figures(measured), measured.steps)
    report.append(
      [.text(model.name), .text(sampler)] + steps.cells + ranked.cells
        + [.number(measured.microseconds, 1)]
    )
    return ranked.point(steps.mean)
  }

  mutating func addFixed(
    _ model: Fitted,
    _ counts: [Int]
  ) throws(TrainingFailure) -> [Plot.Point] {
    var points: [Plot.Point] = []
    for steps in counts {
      points.append(try add(model, "DDIM \(steps)") { $0.serving.steps = steps })
    }
    return points
  }

  /// Rules of stopping, each beside the fixed number of steps it has to beat.
  ///
  /// Returns the rules' points by their patience.
  mutating func addAdaptive(
    _ model: Fitted
  ) throws(TrainingFailure) -> [(patience: Int, points: [Plot.Point])] {
    var points: [Int: [Plot.Point]] = [:]
    for tolerance: Float in [0.5, 0.3, 0.1, 0.05, 0.02] {
      for patience in [1, 2] {
        let stopped = try add(model, "DDIM 20, ε \(tolerance) × \(patience)") {
          $0.serving.steps = 20
          $0.rule = StoppingRule(tolerance: tolerance, patience: patience)
        }
        points[patience, default: []].append(stopped)
        let steps = max(1, Int(stopped.x.rounded()))
        _ = try add(model, "static \(steps), beside ε \(tolerance) × \(patience)") {
          $0.serving.steps = steps
        }
      }
    }
    return points.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
