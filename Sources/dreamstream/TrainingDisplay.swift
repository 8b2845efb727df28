import Foundation
import Training

/// What training shows of itself on standard error.
struct TrainingDisplay {
  private var progress: ProgressBar
  private let epochs: Int
  /// The mean loss of the latest batches, the newest counting most.
  private var recent: Double?
  private var metrics = ""

  init(_ loop: Loop) {
    epochs = loop.settings.epochs
    progress = ProgressBar(
      "train",
      total: loop.exampleTotal,
      unit: "examples",
      done: loop.examplesDone,
      isTerminal: isatty(2) == 1,
      write: writeToStandardError
    )
  }

  mutating func show(_ report: Loop.Report) {
    switch report {
    case .batch(let done, let epoch, let loss):
      let mean = recent.map { 0.98 * $0 + 0.02 * loss } ?? loss
      recent = mean
      let metrics = metrics.isEmpty ? [] : [metrics]
      progress.show(done, ["epoch \(epoch)/\(epochs)", "loss \(rounded(mean))"] + metrics)
    case .epoch(let epoch, let loss, let measured, let isBest):
      var line = "epoch \(epoch)/\(epochs) · loss \(rounded(loss))"
      if let measured {
        let all = Loop.Metric.allCases.map { "\($0.rawValue) \(percent(measured[$0] ?? 0))" }
        metrics = all[0]
        line += " · \(all.joined(separator: " · "))\(isBest ? " · best" : "")"
      }
      progress.note(line)
    }
  }

  mutating func finish() { progress.finish() }

  private func rounded(_ loss: Double) -> String { String(format: "%.4f", loss) }
}
