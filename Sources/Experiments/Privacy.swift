import Diffusion
import Evaluation
import Network
import Training

/// How well a score tells members from others.
struct Attack {
  /// The chance that a member scores higher than another; 0.5 tells nothing.
  let area: Double
  /// Members that are found where 1 % of the others are taken for some.
  let found: Double

  init(members: [Float], others: [Float]) {
    let all = (members.map { ($0, true) } + others.map { ($0, false) }).sorted { $0.0 > $1.0 }
    // Mann and Whitney's count, with equal scores as half a win.
    var (wins, above, start) = (0.0, 0.0, 0)
    while start < all.count {
      let end = all[start...].firstIndex { $0.0 != all[start].0 } ?? all.count
      let hits = Double(all[start..<end].count { $0.1 })
      let misses = Double(end - start) - hits
      wins += misses * (above + hits / 2)
      above += hits
      start = end
    }
    area = wins / max(1, Double(members.count * others.count))
    let bar = others.sorted(by: >)[min(others.count - 1, others.count / 100)]
    found = Double(members.count { $0 > bar }) / Double(max(1, members.count))
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
        item, or by an attacker who has the model and tries every item as the only click. \
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
      for (sees, change) in Oracles.changes {
        for knows in [false, true] {
          let recovered = try recover(model, knowsModel: knows, change)
          report.append([
            .text(model.name), .text(knows ? "last click, with the model" : "last click, nearest"),
            .text("oracle\(sees)"), .none, .none, .share(recovered.first), .share(recovered.ten),
          ])
          if recipe.name == "ours", knows {
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
    return chosen.indices.map { row in
      let target = embedding(model, examples.target(chosen[row]) ?? 0)
      let estimate = estimates[(row * width)..<(row * width + width)]
      return -zip(estimate, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
  }

  private func ranks(_ model: Fitted, _ examples: Examples) throws(TrainingFailure) -> [Float] {
    let options = RankingOptions(serving: model.serving)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    return ranking.ranks(of: examples, at: sample(examples)).map { -Float($0) }
  }

  private func embedding(_ model: Fitted, _ item: Int32) -> ArraySlice<Float> {
    let start = model.weights.range(.items).lowerBound + Int(item) * width
    return model.weights.values[start..<start + width]
  }

  /// How often the last click is the first guess, and among the first ten.
  private func recover(
    _ model: Fitted,
    knowsModel: Bool,
    _ change: Oracles.Change
  ) throws(TrainingFailure) -> (first: Double, ten: Double) {
    let chosen = Array(sample(test).prefix(1_000))
    let options = RankingOptions(serving: model.serving)
    var ranking = try FullRanking(model.weights, schedule: model.schedule, options: options)
    let oracles = change(ranking.estimates(of: test, at: chosen), width)
    let count = dataset.items.ids.count
    let guesses: [[Float]]
    if knowsModel {
      // What each item alone would have brought about, without its noise.
      var encoder = SequenceEncoder(model.weights)
      var h = [Float](repeating: 0, count: count * width)
      var span = h.mutableSpan
      let (items, lengths) = (Array(0..<Int32(count)), [Int32](repeating: 1, count: count))
      encoder.encode(items: items.span, lengths: lengths.span, into: &span)
      guesses = (0..<count).map { Array(h[($0 * width)..<($0 * width + width)]) }
    } else {
      guesses = (0..<count).map { Array(embedding(model, Int32($0))) }
    }
    let ranks = chosen.indices.map { row in
      let oracle = oracles[(row * width)..<(row * width + width)]
      let scores = guesses.map { cosine($0[...], oracle) }
      let last = test.history(chosen[row]).last.map(Int.init) ?? 0
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
