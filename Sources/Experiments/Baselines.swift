import Evaluation
import Network
import Training

extension Study {
  /// Ours beside counts, the encoder alone and DreamRec, on the same examples.
  func baselines() throws(TrainingFailure) -> Report {
    var report = Report(
      "baselines",
      summary: """
        Trained models beside counts that learned the same clicks; "Δ" is NDCG@20 less that of \
        ours, of seed \(effort.seeds[0]), paired by session. Where there are seeds, HR and NDCG \
        are their mean. Distances within lists are between the embeddings of ours. \(setting)
        """,
      columns: [
        "model", "HR@10", "NDCG@10", "HR@20", "NDCG@20", "MRR@20", "± 95 %", "seeds' spread", "Δ",
        "Δ low", "Δ high", "coverage", "intra-list distance",
      ]
    )
    let gain = RankMetric(.ndcg, cutoff: 20)
    var ours: [Double]?
    func add(_ seeds: [Measured], _ name: String) {
      let first = seeds[0]
      let values = first.quality.values(gain)
      let interval = bootstrap.interval(values)
      let gains = seeds.map { $0.mean(.ndcg) }
      func mean(_ kind: RankMetric.Kind, _ cutoff: Int) -> Report.Cell {
        .share(Bootstrap.mean(seeds.map { $0.mean(kind, cutoff) }))
      }
      var difference: [Report.Cell] = [.none, .none, .none]
      if let ours {
        let (mean, interval) = bootstrap.difference(values, ours)
        difference = [.share(mean), .share(interval.lowerBound), .share(interval.upperBound)]
      } else {
        ours = values
      }
      let measures = first.quality.measures
      report.append(
        [.text(name), mean(.hitRate, 10), mean(.ndcg, 10), mean(.hitRate, 20), mean(.ndcg, 20)]
          + [mean(.reciprocalRank, 20), .share((interval.upperBound - interval.lowerBound) / 2)]
          + [seeds.count < 2 ? .none : .share((gains.max() ?? 0) - (gains.min() ?? 0))]
          + difference
          + [.share(measures.coverage), measures.intraListDistance.map { .number($0, 3) } ?? .none]
      )
    }

    var models: [Fitted] = []
    for seed in effort.seeds { models.append(try fit(.ours(), seed: seed)) }
    let space = embeddings(models[0])
    func measure(
      _ model: Fitted,
      _ change: (inout RankingOptions) -> Void = { _ in }
    ) throws(TrainingFailure) -> Measured {
      try self.measure(model, embeddings: space, change)
    }
    var answers: [Measured] = []
    for model in models { answers.append(try measure(model)) }
    add(answers, "ours")
    add([try measure(models[0]) { $0.seesNoise = false }], "ours, noise channel zeroed")
    for samples in [5, 20] {
      add([try measure(models[0]) { $0.samples = samples }], "ours, best of \(samples) samples")
    }
    let others = [
      Recipe.encoder(.crossEntropy), .encoder(.binary), .ranked(), .published(.linear),
      .published(.mlp),
    ]
    for recipe in others {
      answers = []
      for seed in effort.seeds { answers.append(try measure(try fit(recipe, seed: seed))) }
      add(answers, recipe.name)
    }
    for baseline in Baselines.all { add([counted(baseline, embeddings: space)], baseline.name) }
    return report
  }

  /// What a baseline that learned the training part answers.
  func counted(_ baseline: any Baseline, embeddings: ItemEmbeddings? = nil) -> Measured {
    let answers = test.answers(
      of: baseline,
      learnedFrom: log,
      items: dataset.items,
      at: judged,
      depth: 50
    )
    return Measured(
      answers: answers,
      quality: Quality(answers, facts, embeddings: embeddings),
      steps: StepCounts([]),
      microseconds: 0
    )
  }
}
