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
          let (gain, interval) = estimate(measured)
          report.append([
            .text(name.rawValue), .number(Double(total), 0), .number(Double(steps), 0),
            .share(measured.mean(.hitRate)), .share(gain),
            .share((interval.upperBound - interval.lowerBound) / 2),
            .number(measured.microseconds, 1),
          ])
          points.append(point(Double(steps), gain, interval))
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
          let (gain, interval) = estimate(measured)
          report.append([
            .text(model.name), .number(Double(w), 1), .number(Double(steps), 0),
            .share(measured.mean(.hitRate)), .share(gain),
            .share((interval.upperBound - interval.lowerBound) / 2),
            .share(measured.quality.measures.coverage),
            measured.quality.measures.novelty.map { .number($0, 2) } ?? .none,
          ])
          points.append(point(Double(w), gain, interval))
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

  /// NDCG@20 and its 95 % interval.
  func estimate(_ measured: Measured) -> (mean: Double, interval: ClosedRange<Double>) {
    let values = measured.quality.values(RankMetric(.ndcg, cutoff: 20))
    return (Bootstrap.mean(values), bootstrap.interval(values))
  }

  /// A point of a plot in percent.
  func point(_ x: Double, _ share: Double, _ interval: ClosedRange<Double>) -> Plot.Point {
    Plot.Point(
      x: x,
      y: 100 * share,
      low: 100 * interval.lowerBound,
      high: 100 * interval.upperBound
    )
  }
}
