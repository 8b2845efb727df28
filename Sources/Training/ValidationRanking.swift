package import Diffusion
import Kernels
package import Network

/// Where a model ranks the clicks that came next: full ranking, by inner product with x₀.
package struct FullRanking {
  private enum Sampling {
    case folded(FoldedSampler)
    case walked(Generator, GuidedDenoiser)
  }

  /// Scores held at a time, in floats: 16 MB.
  private static let scoreLimit = 4 << 20

  private let weights: Weights
  private let seed: UInt64
  private var encoder: SequenceEncoder
  private var sampling: Sampling

  /// Prepares to answer as `serving` says; throws if the reverse process diverges.
  ///
  /// An example's noise depends on `seed` and its index alone.
  package init(
    _ weights: Weights,
    schedule description: NoiseSchedule.Description,
    serving: Manifest.Serving,
    seed: UInt64,
  ) throws(TrainingFailure) {
    self.weights = weights
    self.seed = seed
    encoder = SequenceEncoder(weights)
    guard serving.sampler != .folded || weights.shape.denoiser == .linear else {
      throw TrainingFailure("only a linear denoiser can be folded; sample by ddim or ddpm")
    }
    do throws(DiffusionFailure) {
      let schedule = try NoiseSchedule(description)
      let parts = LinearDenoiserParts(weights, steps: schedule.steps)
      let guidance = serving.guidance
      if serving.sampler == .folded, let parts {
        let estimate = AffineEstimate(
          a: parts.a,
          b: parts.b,
          emptyTerm: parts.none,
          stepTerms: parts.steps,
        )
        sampling = .folded(
          try FoldedSampler(schedule: schedule, estimate: estimate, guidance: guidance)
        )
      } else {
        let sampler = serving.sampler == .ddim ? Sampler.ddim(steps: serving.steps) : .ddpm
        sampling = .walked(
          try Generator(schedule: schedule, sampler: sampler),
          GuidedDenoiser(weights, steps: schedule.steps, guidance: guidance),
        )
      }
    } catch {
      throw TrainingFailure(error.reason)
    }
  }

  /// The place of each example's target among all items, from 0; N when the catalogue lacks it.
  ///
  /// Of equal scores the lower index is first.
  package mutating func ranks(of examples: Examples, at indices: [Int]) -> [Int] {
    let items = weights.shape.items
    let batch = max(1, min(256, Self.scoreLimit / items))
    var ranks: [Int] = []
    ranks.reserveCapacity(indices.count)
    for start in stride(from: 0, to: indices.count, by: batch) {
      let part = Array(indices[start..<min(start + batch, indices.count)])
      let scores = scores(generate(for: examples, at: part), rows: part.count)
      for (row, example) in part.enumerated() {
        guard let target = examples.target(example) else {
          ranks.append(items)
          continue
        }
        ranks.append(
          Self.rank(Int(target), in: scores.span.extracting(row * items..<(row + 1) * items))
        )
      }
    }
    return ranks
  }

  /// x₀ of each example, (rows, d).
  private mutating func generate(for examples: Examples, at indices: [Int]) -> [Float] {
    let histories = indices.map { examples.history($0) }
    let clicks = histories.flatMap { $0 }
    let lengths = histories.map { Int32($0.count) }
    var condition = [Float](repeating: 0, count: indices.count * weights.shape.width)
    var clean = condition
    var conditions = condition.mutableSpan
    encoder.encode(items: clicks.span, lengths: lengths.span, into: &conditions)
    var noise = SeededNoise(
      keys: indices.map { NoiseKey(seed: seed, user: UInt64($0), position: 0) }
    )
    var outcomes: [Outcome] = []
    var estimates = clean.mutableSpan
    switch sampling {
    case .folded(var sampler):
      sampler.sample(condition.span, noise: &noise, into: &estimates, outcomes: &outcomes)
      sampling = .folded(sampler)
    case .walked(var generator, var denoiser):
      denoiser.begin(conditions: condition.span)
      generator.generate(with: &denoiser, noise: &noise, into: &estimates, outcomes: &outcomes)
      sampling = .walked(generator, denoiser)
    }
    return clean
  }

  /// x₀ · Eᵀ without the padding row, (rows, N).
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

  private static func rank(_ target: Int, in scores: Span<Float>) -> Int {
    let score = scores[target]
    // Nothing compares with what is not a number: the model has no answer, and so it misses.
    guard score.isFinite else { return scores.count }
    var rank = 0
    for item in 0..<target where scores[item] >= score { rank += 1 }
    for item in target..<scores.count where scores[item] > score { rank += 1 }
    return rank
  }
}
