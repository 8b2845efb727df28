package import Diffusion
import Evaluation
package import Network
import Training

/// A trained model, ready to be asked in many ways.
package struct Fitted: Sendable {
  package var name: String
  package let weights: Weights
  package let schedule: NoiseSchedule.Description
  package var serving: Manifest.Serving

  /// The model as a worker would load it.
  package func model(items: ItemTable) -> Model {
    let training = Manifest.Training(
      source: "experiment",
      examples: 0,
      epochs: 0,
      bestEpoch: 0,
      batch: 0,
      rate: 0,
      weightDecay: 0,
      dropout: 0,
      conditionDropout: 0,
      seed: 0
    )
    let manifest = Manifest(
      name: name,
      shape: weights.shape,
      schedule: schedule,
      serving: serving,
      training: training,
      metrics: [:]
    )
    return Model(manifest: manifest, weights: weights, items: items)
  }
}

/// How a model answered the judged examples, and at what cost.
struct Measured {
  let answers: Answers
  let quality: Quality
  /// Denoiser calls of each example.
  let steps: StepCounts
  /// From history to estimate by the clock, on this machine, a user.
  let microseconds: Double

  func mean(_ kind: RankMetric.Kind, _ cutoff: Int = 20) -> Double {
    Bootstrap.mean(quality.values(RankMetric(kind, cutoff: cutoff)))
  }
}

/// The denoiser calls of many examples.
struct StepCounts {
  let mean: Double
  private let sorted: [Int]

  init(_ steps: [Int]) {
    sorted = steps.sorted()
    mean = Double(steps.reduce(0, +)) / Double(max(1, steps.count))
  }

  func percentile(_ share: Double) -> Int {
    sorted.isEmpty ? 0 : sorted[Int(share * Double(sorted.count - 1))]
  }

  /// Mean, p50 and p99.
  var cells: [Report.Cell] {
    [.number(mean, 2)] + [0.5, 0.99].map { .number(Double(percentile($0)), 0) }
  }
}

/// What most tables say of how well something ranks.
struct Figures {
  /// HR@20, NDCG@20, and half the width of the latter's 95 % interval.
  let cells: [Report.Cell]
  private let gain: Double
  private let interval: ClosedRange<Double>

  init(_ measured: Measured, _ bootstrap: Bootstrap) {
    let values = measured.quality.values(RankMetric(.ndcg, cutoff: 20))
    gain = Bootstrap.mean(values)
    interval = bootstrap.interval(values)
    cells = [
      .share(measured.mean(.hitRate)), .share(gain),
      .share((interval.upperBound - interval.lowerBound) / 2),
    ]
  }

  /// NDCG@20 in percent at an x.
  func point(_ x: Double) -> Plot.Point {
    Plot.Point(
      x: x,
      y: 100 * gain,
      low: 100 * interval.lowerBound,
      high: 100 * interval.upperBound
    )
  }
}

extension Study {
  /// Asks a model, as its serving defaults say or as they are changed.
  ///
  /// Distances within lists are between `embeddings`: those of one model, or rows say nothing of
  /// each other.
  func measure(
    _ model: Fitted,
    embeddings: ItemEmbeddings? = nil,
    _ change: (inout RankingOptions) -> Void = { _ in }
  ) throws(TrainingFailure) -> Measured {
    var options = RankingOptions(serving: model.serving)
    change(&options)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    let answers = ranking.answers(model.name, to: test, at: judged, depth: 50)
    return Measured(
      answers: answers,
      quality: Quality(answers, facts, embeddings: embeddings),
      steps: StepCounts(ranking.steps),
      microseconds: ranking.generationSeconds * 1e6 / Double(max(1, judged.count))
    )
  }

  func embeddings(_ model: Fitted) -> ItemEmbeddings {
    let items = model.weights.range(.items).dropLast(width)
    return ItemEmbeddings(Array(model.weights.values[items]), width: width)
  }

  func figures(_ measured: Measured) -> Figures { Figures(measured, bootstrap) }

  /// Resamples whole users or sessions of the judged examples.
  var bootstrap: Bootstrap { Bootstrap(units: facts.units, seed: 1) }
}
