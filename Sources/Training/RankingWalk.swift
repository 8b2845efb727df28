package import Diffusion
internal import Kernels
package import Network

/// How a model answers the examples that it is judged by.
package struct RankingOptions: Sendable {
  package var serving: Manifest.Serving
  package var rule = StoppingRule()
  /// An example's noise depends on the seed, its index and the sample alone.
  package var seed: UInt64 = 0
  /// Estimates of an example; an item's score is the best it has of any.
  package var samples = 1
  package var start = Start.noise
  /// Whether the denoiser sees what it denoises; without, its noisy input is zeros.
  package var seesNoise = true
  /// Whether all that the user has clicked is left out, however long ago.
  package var excludesSeen = false

  /// What the reverse process begins at.
  package enum Start: Equatable, Sendable {
    /// Noise, at the last step.
    case noise
    /// An embedding with the noise of the step at this share of T.
    case from(Origin, share: Float)
  }

  package enum Origin: String, Sendable {
    case lastClick = "last-click"
    /// The mean of the history's embeddings, as long as one.
    case mean
    /// The estimate that was made before the last click.
    case previous
    /// The target itself, as in training: what an attacker can try, and no answer can.
    case target

    /// Those that an answer can start from.
    package static let known = [lastClick, mean, previous]
  }

  package init(serving: Manifest.Serving) {
    self.serving = serving
    rule = serving.rule
  }
}

/// From histories to x̂₀.
struct RankingWalk {
  private let weights: Weights
  private let origin: RankingOptions.Origin?
  private var encoder: SequenceEncoder
  private var walk: Walk
  /// What makes the estimate before the last click, where the walk starts there.
  private var first: Walk?

  init(
    _ original: Weights,
    schedule: NoiseSchedule.Description,
    options: RankingOptions
  ) throws(TrainingFailure) {
    weights = options.seesNoise ? original : original.withoutNoise
    encoder = SequenceEncoder(weights)
    var start: Int?
    if case .from(let origin, let share) = options.start {
      self.origin = origin
      start = Int(share * Float(schedule.steps - 1))
    } else {
      origin = nil
    }
    do throws(DiffusionFailure) {
      walk = try Walk(
        weights,
        schedule: schedule,
        serving: options.serving,
        rule: options.rule,
        start: start
      )
      if origin == .previous {
        first = try Walk(
          weights,
          schedule: schedule,
          serving: options.serving,
          rule: StoppingRule()
        )
      }
    } catch {
      throw TrainingFailure(error.reason)
    }
  }

  /// x̂₀ of each history, (rows, d), and how it came to be.
  mutating func generate(
    _ histories: [ArraySlice<Int32>],
    targets: [Int32?],
    keys: [NoiseKey]
  ) -> (clean: [Float], outcomes: [Outcome]) {
    let origins = self.origins(histories, targets, keys)
    return walk.generate(encode(histories), keys: keys, origin: origins)
  }

  private mutating func encode(_ histories: [ArraySlice<Int32>]) -> [Float] {
    let clicks = histories.flatMap { $0 }
    let lengths = histories.map { Int32($0.count) }
    var conditions = [Float](repeating: 0, count: histories.count * weights.shape.width)
    conditions.edit { encoder.encode(items: clicks.span, lengths: lengths.span, into: &$0) }
    return conditions
  }

  private mutating func origins(
    _ histories: [ArraySlice<Int32>],
    _ targets: [Int32?],
    _ keys: [NoiseKey]
  ) -> [Float] {
    let sources: [ArraySlice<Int32>]
    switch origin {
    case nil: return []
    case .previous:
      let conditions = encode(histories.map { $0.dropLast() })
      return first?.generate(conditions, keys: keys).clean ?? []
    case .lastClick: sources = histories.map { $0.suffix(1) }
    case .mean: sources = histories
    case .target: sources = targets.map { $0.map { [$0] } ?? [] }
    }
    let (d, table) = (weights.shape.width, weights.range(.items).lowerBound)
    return sources.flatMap { items in
      var sum = [Float](repeating: 0, count: d)
      for item in items {
        for i in 0..<d { sum[i] += weights.values[table + Int(item) * d + i] }
      }
      if items.count == 1, !weights.shape.denoiser.addsToCondition { return sum }
      // A mean of embeddings is shorter than any, and the residual knows directions alone.
      let norm = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return norm > 0 ? sum.map { $0 * Float(d).squareRoot() / norm } : sum
    }
  }
}

extension Weights {
  /// The same weights, but that the denoiser hears nothing of xₜ.
  package var withoutNoise: Weights {
    var copy = self
    if shape.denoiser == .adaptive {
      for i in range(.adaptiveNormGain) { copy.values[i] = 0 }
      return copy
    }
    let (first, d) = (range(.denoiser1Weight), shape.width)
    for row in stride(from: first.lowerBound, to: first.upperBound, by: 3 * d) {
      for i in row..<(row + d) { copy.values[i] = 0 }
    }
    return copy
  }
}
