import Evaluation
import Network
import Training

extension Study {
  /// Noise, the last click, the mean of the history, or the estimate before the last click.
  func starts() throws(TrainingFailure) -> Report {
    var report = Report(
      "starts",
      summary: """
        What the reverse process starts from, noised to the step t₀, mlp denoiser under \
        cross-entropy, T = 500. "repeats" is how often the first item is the last click. \(setting)
        """,
      columns: ["start", "t₀ / T", "steps", "HR@20", "NDCG@20", "± 95 %", "repeats", "µs a user"]
    )
    let model = try fit(.ranked())
    let counts = effort.isFull ? [1, 2, 5, 10] : [1, 2, 5]
    func add(
      _ title: String,
      _ share: Float,
      _ steps: Int,
      _ start: RankingOptions.Start
    ) throws(TrainingFailure) -> Plot.Point {
      let measured = try measure(model) {
        $0.serving.steps = steps
        $0.start = start
      }
      let (ranked, repeats) = (figures(measured), measured.quality.measures.lastRepeatRate)
      report.append(
        [.text(title), .number(Double(share), 1), .number(Double(steps), 0)] + ranked.cells
          + [repeats.map { .share($0) } ?? .none, .number(measured.microseconds, 1)]
      )
      return ranked.point(Double(share))
    }
    for steps in counts { _ = try add("noise", 1, steps, .noise) }
    var series: [Plot.Series] = []
    for origin in RankingOptions.Origin.known {
      for steps in counts {
        var points: [Plot.Point] = []
        for share: Float in [0.2, 0.4, 0.6, 0.8, 1] {
          points.append(
            try add(origin.rawValue, share, steps, .from(origin, share: share))
          )
        }
        if steps == 2 { series.append(Plot.Series(name: origin.rawValue, points: points)) }
      }
    }
    report.notes.append(
      "The time of `previous` has the walk before the last click in it, which a stream has made "
        + "already."
    )
    report.plots[""] = Plot(
      title: "Starts on \(name), 2 steps",
      x: .init(label: "t₀ / T", scale: .linear),
      y: .init(label: "NDCG@20, %", scale: .linear),
      series: series
    )
    return report
  }
}
