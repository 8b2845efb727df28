import Diffusion
import Evaluation
import Kernels
import Network
import Training

/// How well a score tells members from others.
struct Attack {
  /// The chance that a member scores higher than another; 0.5 tells nothing.
  let area: Double
  /// Members that are found where 1 % of the others are taken for some; of equal scores as many as
  /// a draw would find.
  let found: Double

  init(members: [Float], others: [Float]) {
    if members.isEmpty || others.isEmpty {
      // Nobody to tell from anybody.
      (area, found) = (.nan, .nan)
      return
    }
    let all = (members.map { ($0, true) } + others.map { ($0, false) }).sorted { $0.0 > $1.0 }
    // Mann and Whitney's count, with equal scores as half a win.
    var (wins, above, start) = (0.0, 0.0, 0)
    var (caught, allowed) = (0.0, Double(others.count) / 100)
    while start < all.count {
      let end = all[start...].firstIndex { $0.0 != all[start].0 } ?? all.count
      let hits = Double(all[start..<end].count { $0.1 })
      let misses = Double(end - start) - hits
      wins += misses * (above + hits / 2)
      above += hits
      start = end
      if allowed >= 0 { caught += hits * min(1, misses > 0 ? allowed / misses : 1) }
      allowed = misses > allowed ? -1 : allowed - misses
    }
    area = wins / Double(members.count * others.count)
    found = caught / Double(members.count)
  }
}

extension Study {
  /// Who was in the training data, and what a published oracle embedding gives away.
  func privacy() throws(TrainingFailure) -> Report {
    var report = Report(
      "privacy",
      summary: """
        Membership: training examples against test examples, by what the attacker sees; AUC 0.5 \
        is a guess. Recovery: the last click from a published oracle embedding, by the nearest \
        item, or by an attacker who has the model, though not the noise, and asks it what each \
        item as the only click brings about. \
        \(setting)
        """,
      columns: ["model", "attack", "sees", "AUC", "TPR at 1 % FPR", "top 1", "top 10"]
    )
    var points: [Plot.Point] = []
    for recipe in [Recipe.ours(), .ranked(), .published(.mlp)] {
      let model = try fit(recipe)
      let attacks = [
        (
          "reconstruction of the target",
          Attack(members: try errors(model, dataset.training), others: try errors(model, test))
        ),
        (
          "rank of the target",
          Attack(members: try ranks(model, dataset.training), others: try ranks(model, test))
        ),
      ]
      for (sees, attack) in attacks {
        report.append([
          .text(model.name), .text("membership"), .text(sees), .number(attack.area, 3),
          .share(attack.found), .none, .none,
        ])
      }
      let published = try oracles(model)
      let guesses = [("nearest", table(model)), ("with the model", try answers(model))]
      for (sees, change) in Oracles.changes {
        for (attacker, guesses) in guesses {
          let recovered = recover(from: change(published, width), guesses)
          report.append([
            .text(model.name), .text("last click, \(attacker)"),
            .text("oracle\(sees)"), .none, .none, .share(recovered.first), .share(recovered.ten),
          ])
          if recipe.name == "ours", attacker == "with the model" {
            points.append(Plot.Point(x: Double(points.count), y: 100 * recovered.first))
          }
        }
      }
    }
    report.notes.append(
      "Training and test differ in time too: a test example that looks like none of training's "
        + "is told apart for that alone, so the AUC is an upper bound of what memory gives away."
    )
    let changes = Oracles.changes.enumerated().map { "\($0): as is\($1.0)" }
    report.plots[""] = Plot(
      title: "The last click from ours' oracle on \(name)",
      x: .init(label: changes.joined(separator: " · "), scale: .linear),
      y: .init(label: "recovered at the first guess, %", scale: .linear),
      series: [Plot.Series(name: "with the model", points: points)]
    )
    return report
  }

  private func sample(_ examples: Examples) -> [Int] {
    examples.sample(2_000).filter { examples.target($0) != nil && !examples.history($0).isEmpty }
  }

  /// For each example minus the distance of x̂₀ from the target's embedding, its noise half the way.
  private func errors(_ model: Fitted, _ examples: Examples) throws(TrainingFailure) -> [Float] {
    let chosen = sample(examples)
    var options = RankingOptions(serving: model.serving)
    options.serving.sampler = .ddim
    options.serving.steps = 1
    options.start = .from(.target, share: 0.5)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    let estimates = ranking.estimates(of: examples, at: chosen)
    let table = table(model)
    return chosen.enumerated().map { row, example in
      let target = table[elements(of: Int(examples.target(example) ?? 0), width: width)]
      let estimate = estimates[elements(of: row, width: width)]
      return -zip(estimate, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
  }

  private func ranks(_ model: Fitted, _ examples: Examples) throws(TrainingFailure) -> [Float] {
    let options = RankingOptions(serving: model.serving)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    return ranking.ranks(of: examples, at: sample(examples)).map { -Float($0) }
  }

  /// The embeddings of all items.
  private func table(_ model: Fitted) -> [Float] {
    Array(model.weights.values[model.weights.range(.items).dropLast(width)])
  }

  /// The examples whose oracles are published.
  private var attacked: [Int] { Array(sample(test).prefix(1_000)) }

  private func oracles(_ model: Fitted) throws(TrainingFailure) -> [Float] {
    let options = RankingOptions(serving: model.serving)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    return ranking.estimates(of: test, at: attacked)
  }

  /// What the model answers to each item as the only click, under another noise than the oracles'.
  private func answers(_ model: Fitted) throws(TrainingFailure) -> [Float] {
    var log = ClickLog()
    // What is clicked next does not matter.
    for id in dataset.items.ids { try log.append([id, id]) }
    let alone = try Dataset.examples(log, items: dataset.items, options: .init())
    var options = RankingOptions(serving: model.serving)
    options.seed = 1
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    return ranking.estimates(of: alone, at: Array(0..<alone.count))
  }

  /// How often the last click is the first guess, and among the first ten.
  private func recover(
    from oracles: [Float],
    _ guesses: [Float]
  ) -> (first: Double, ten: Double) {
    let ranks = attacked.enumerated().map { row, example in
      let oracle = oracles[elements(of: row, width: width)]
      let scores = dataset.items.ids.indices.map {
        cosine(guesses[elements(of: $0, width: width)], oracle)
      }
      let last = test.history(example).last.map(Int.init) ?? 0
      return scores.count { $0 > scores[last] }
    }
    func share(_ bound: Int) -> Double {
      Double(ranks.count { $0 < bound }) / Double(max(1, ranks.count))
    }
    return (share(1), share(10))
  }
}

/// What may be done to an oracle before it is published.
enum Oracles {
  typealias Change = @Sendable ([Float], _ width: Int) -> [Float]

  static let changes: [(String, Change)] = [
    ("", { oracles, _ in oracles }),
    (", rounded to 1 bit", { oracles, _ in oracles.map { $0 < 0 ? -1 : 1 } }),
    (", noise as long as itself", { noisy($0, $1, share: 1) }),
    (", noise three times as long", { noisy($0, $1, share: 3) }),
  ]

  /// Adds Gaussian noise of `share` times each row's length.
  private static func noisy(_ oracles: [Float], _ width: Int, share: Float) -> [Float] {
    var noise = [Float](repeating: 0, count: oracles.count)
    var span = noise.mutableSpan
    Noise.fill(&span, key: NoiseKey(seed: 1, user: 0, position: 0), draw: 0)
    return oracles.indices.map { i in
      let row = (i / width) * width
      let square = oracles[row..<(row + width)].reduce(0) { $0 + $1 * $1 }
      return oracles[i] + share * (square / Float(width)).squareRoot() * noise[i]
    }
  }
}

func cosine(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float {
  var (product, x, y): (Float, Float, Float) = (0, 0, 0)
  for (p, q) in zip(a, b) {
    product += p * q
    x += p * p
    y += q * q
  }
  return x > 0 && y > 0 ? product / (x * y).squareRoot() : 0
}
