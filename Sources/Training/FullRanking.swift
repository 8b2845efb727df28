package import Diffusion
package import Evaluation
import Kernels
package import Network

/// Where a model ranks the clicks that came next: full ranking, by inner product with x̂₀.
package struct FullRanking {
  /// Scores held at a time, in floats: 16 MB.
  private static let scoreLimit = 4 << 20

  /// The denoiser calls of each example that was answered last, over all its samples.
  package private(set) var steps: [Int] = []

  /// What making their estimates took, from history to x̂₀.
  package private(set) var generationSeconds = 0.0

  private let weights: Weights
  private let options: RankingOptions
  private var walk: RankingWalk

  /// Prepares to answer; throws if the reverse process diverges, or options and model disagree.
  package init(
    _ weights: Weights,
    schedule: NoiseSchedule.Description,
    options: RankingOptions,
  ) throws(TrainingFailure) {
    self.weights = weights
    self.options = options
    walk = try RankingWalk(weights, schedule: schedule, options: options)
  }

  /// The place of each example's target among all items, from 0; `Int32.max` when it has none.
  ///
  /// Of equal scores the lower index is first.
  package mutating func ranks(of examples: Examples, at indices: [Int]) -> [Int32] {
    answers("", to: examples, at: indices, depth: 0).ranks
  }

  /// The first `depth` items of each example, and its target's rank.
  package mutating func answers(
    _ name: String,
    to examples: Examples,
    at indices: [Int],
    depth: Int,
    progress: (_ done: Int) -> Void = { _ in }
  ) -> Answers {
    var answers = Answers(name: name, depth: depth)
    var top = TopItems(depth)
    forEachRow(of: examples, at: indices) { example, scores in
      let rank = examples.target(example).map { Self.rank(Int($0), in: scores) }
      answers.append(list: depth > 0 ? top.of(scores) : [], rank: rank ?? .max)
      progress(answers.ranks.count)
    }
    return answers
  }

  /// x̂₀ of each example, (examples, d), of the first sample.
  package mutating func estimates(of examples: Examples, at indices: [Int]) -> [Float] {
    stride(from: 0, to: indices.count, by: 256).flatMap { start in
      let part = indices[start..<min(start + 256, indices.count)]
      return walk.generate(
        part.map { examples.history($0) },
        targets: part.map { examples.target($0) },
        keys: part.map { NoiseKey(seed: options.seed, user: UInt64($0), position: 0) }
      ).clean
    }
  }

  /// Calls `body` with each example's scores of all items.
  private mutating func forEachRow(
    of examples: Examples,
    at indices: [Int],
    _ body: (_ example: Int, _ scores: Span<Float>) -> Void
  ) {
    steps = []
    generationSeconds = 0
    let items = weights.shape.items
    let batch = max(1, min(256, Self.scoreLimit / items))
    for start in stride(from: 0, to: indices.count, by: batch) {
      let part = Array(indices[start..<min(start + batch, indices.count)])
      let histories = part.map { examples.history($0) }
      var best: [Float] = []
      var calls = [Int](repeating: 0, count: part.count)
      for sample in 0..<options.samples {
        let keys = part.map {
          NoiseKey(seed: options.seed, user: UInt64($0), position: UInt64(sample))
        }
        let clock = ContinuousClock.now
        let targets = part.map { examples.target($0) }
        let (clean, outcomes) = walk.generate(histories, targets: targets, keys: keys)
        generationSeconds += (ContinuousClock.now - clock) / .seconds(1)
        let scores = scores(clean, rows: part.count)
        if sample == 0 { best = scores } else { best.raise(to: scores) }
        for (row, outcome) in outcomes.enumerated() { calls[row] += outcome.steps }
      }
      steps += calls
      for (row, example) in part.enumerated() {
        if options.excludesSeen {
          for item in examples.wholeHistory(example) {
            best[row * items + Int(item)] = -.infinity
          }
        }
        body(example, best.span.extracting(row * items..<(row + 1) * items))
      }
    }
  }

  /// x̂₀ · Eᵀ without the padding row, (rows, N).
  private func scores(_ clean: [Float], rows: Int) -> [Float] {
    let (items, width) = (weights.shape.items, weights.shape.width)
    var scores = [Float](repeating: 0, count: rows * items)
    var output = scores.mutableSpan
    let table = weights.range(.items).lowerBound
    Gemm.multiply(
      clean.span,
      transposed: false,
      weights.values.span.extracting(table..<(table + items * width)),
      transposed: true,
      into: &output,
      m: rows,
      n: items,
      k: width,
    )
    return scores
  }

  private static func rank(_ target: Int, in scores: Span<Float>) -> Int32 {
    let score = scores[target]
    // Nothing compares with what is not a number: the model has no answer, and so it misses.
    guard score.isFinite else { return .max }
    var rank: Int32 = 0
    for item in 0..<target where scores[item] >= score { rank += 1 }
    for item in target..<scores.count where scores[item] > score { rank += 1 }
    return rank
  }
}

/// Finds the highest of many scores.
private struct TopItems {
  private let depth: Int
  private var best: [(item: Int32, score: Float)] = []

  init(_ depth: Int) { self.depth = depth }

  /// The items of the highest scores, best first; of equal ones the lower index is first.
  mutating func of(_ scores: Span<Float>) -> [Int32] {
    best.removeAll(keepingCapacity: true)
    var bar = -Float.infinity
    for item in scores.indices where scores[item] > bar {
      let at = best.firstIndex { $0.score < scores[item] } ?? best.count
      best.insert((Int32(item), scores[item]), at: at)
      if best.count > depth { best.removeLast() }
      if best.count == depth { bar = best[depth - 1].score }
    }
    return best.map(\.item)
  }
}

extension [Float] {
  /// Raises each number to that of the other array, where that is higher.
  fileprivate mutating func raise(to other: [Float]) {
    for i in indices where other[i] > self[i] { self[i] = other[i] }
  }
}
