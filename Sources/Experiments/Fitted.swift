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
  let steps: [Int]
  /// From history to estimate, on this machine, a user.
  let microseconds: Double

  func mean(_ kind: RankMetric.Kind, _ cutoff: Int = 20) -> Double {
    Bootstrap.mean(quality.values(RankMetric(kind, cutoff: cutoff)))
  }

  var meanSteps: Double { Double(steps.reduce(0, +)) / Double(max(1, steps.count)) }

  func steps(percentile: Double) -> Int {
    let sorted = steps.sorted()
    return sorted.isEmpty ? 0 : sorted[Int(percentile * Double(sorted.count - 1))]
  }
}

extension Study {
  /// Asks a model, as its serving defaults say or as they are changed.
  func measure(
    _ model: Fitted,
    _ name: String? = nil,
    _ change: (inout RankingOptions) -> Void = { _ in }
  ) throws(TrainingFailure) -> Measured {
    var options = RankingOptions(serving: model.serving)
    change(&options)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    let answers = ranking.answers(name ?? model.name, to: test, at: judged, depth: 50)
    return Measured(
      answers: answers,
      quality: Quality(answers, facts, embeddings: embeddings(model)),
      steps: ranking.steps,
      microseconds: ranking.generationSeconds * 1e6 / Double(max(1, judged.count))
    )
  }

  func embeddings(_ model: Fitted) -> ItemEmbeddings {
    let items = model.weights.range(.items).dropLast(width)
    return ItemEmbeddings(Array(model.weights.values[items]), width: width)
  }

  /// Resamples whole users or sessions of the judged examples.
  var bootstrap: Bootstrap { Bootstrap(units: facts.units, seed: 1) }
}
