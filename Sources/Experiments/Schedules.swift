import Diffusion
import Evaluation
import Network
import Training

extension Study {
  /// The numbers of noising steps, T, that are compared.
  static func totals(_ effort: Effort) -> [Int] {
    effort.isFull ? [50, 200, 500, 1000] : [50, 500]
  }

  /// Each noise schedule and T, at several numbers of steps.
  func schedules() throws(TrainingFailure) -> Report {
    var report = Report(
      "schedules",
      summary: "Noise schedules by T and DDIM steps, mlp denoiser under cross-entropy. \(setting)",
      columns: ["schedule", "T", "steps", "HR@20", "NDCG@20", "± 95 %", "µs a user"]
    )
    let counts = [1, 2, 5, 20]
    var series: [Plot.Series] = []
    for name in NoiseSchedule.Name.allCases {
      for total in Self.totals(effort) {
        var recipe = Recipe.ranked()
        recipe.settings.schedule = .init(name: name, steps: total)
        let model = try fit(recipe)
        var points: [Plot.Point] = []
        for steps in counts {
          let measured = try measure(model) { $0.serving.steps = steps }
          let ranked = figures(measured)
          report.append(
            [.text(name.rawValue), .number(Double(total), 0), .number(Double(steps), 0)]
              + ranked.cells + [.number(measured.microseconds, 1)]
          )
          points.append(ranked.point(Double(steps)))
        }
        series.append(Plot.Series(name: "\(name.rawValue), T = \(total)", points: points))
      }
    }
    report.plots[""] = Plot(
      title: "Schedules on \(self.name)",
      x: .init(label: "DDIM steps", scale: .log2),
      y: .init(label: "NDCG@20, %", scale: .linear),
      series: series
    )
    return report
  }

  /// How strongly the history steers, at few steps and at more.
  func guidance() throws(TrainingFailure) -> Report {
    var report = Report(
      "guidance",
      summary: "Guidance w, by denoiser and DDIM steps. \(setting)",
      columns: ["model", "w", "steps", "HR@20", "NDCG@20", "± 95 %", "coverage", "novelty, bits"]
    )
    var series: [Plot.Series] = []
    let published = Recipe.published(.mlp)
    for recipe in [Recipe.ranked(), .ours(), published] {
      let model = try fit(recipe)
      for steps in recipe.name == published.name ? [20] : [2, 10] {
        var points: [Plot.Point] = []
        for w: Float in [0, 0.5, 1, 2, 4, 8] {
          let measured = try measure(model) {
            $0.serving.steps = steps
            $0.serving.guidance = w
          }
          let (ranked, measures) = (figures(measured), measured.quality.measures)
          report.append(
            [.text(model.name), .number(Double(w), 1), .number(Double(steps), 0)] + ranked.cells
              + [.share(measures.coverage), measures.novelty.map { .number($0, 2) } ?? .none]
          )
          points.append(ranked.point(Double(w)))
        }
        series.append(Plot.Series(name: "\(model.name), \(steps) steps", points: points))
      }
    }
    report.plots[""] = Plot(
      title: "Guidance on \(name)",
      x: .init(label: "w", scale: .linear),
      y: .init(label: "NDCG@20, %", scale: .linear),
      series: series
    )
    return report
  }
}
