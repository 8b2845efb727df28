/// Which steps the reverse process visits, and how it goes from one to the next.
package enum Sampler: Codable, Equatable, Sendable {
  /// All T ancestral steps (Ho, Jain and Abbeel 2020, algorithm 2).
  case ddpm
  /// A few steps without noise (Song, Meng and Ermon 2021, equation 12 with σ = 0).
  case ddim(steps: Int)

  /// The steps to visit, falling: T − 1 first, where x_T stands, and 0 last.
  ///
  /// DDIM's are evenly spaced, a half rounded to even; a single one is the first.
  ///
  /// - Parameters:
  ///   - schedule: The steps there are.
  ///   - start: The step to begin at instead of T − 1.
  /// - Returns: The steps, falling.
  /// - Throws: When there are not as many.
  package func timesteps(
    of schedule: NoiseSchedule,
    from start: Int? = nil
  ) throws(DiffusionFailure) -> [Int] {
    let last = start ?? schedule.steps - 1
    guard (0..<schedule.steps).contains(last) else {
      throw DiffusionFailure(
        reason: "the start lies at a step 0 to \(schedule.steps - 1), not at \(last)"
      )
    }
    switch self {
    case .ddpm:
      return Array((0...last).reversed())
    case .ddim(let steps):
      guard (1...schedule.steps).contains(steps) else {
        throw DiffusionFailure(
          reason: "DDIM takes 1 to T = \(schedule.steps) steps of this schedule, not \(steps)"
        )
      }
      let steps = min(steps, last + 1)
      if steps == 1 { return [last] }
      return evenlySpaced(from: 0, through: Float(last), count: steps).reversed().map {
        Int($0.rounded(.toNearestOrEven))
      }
    }
  }
}

extension NoiseSchedule {
  /// Moves `x` (rows × d) from step `t` to t − 1, to the posterior's mean; the last, 0, gives x₀.
  ///
  /// `x ← c₁(t) · x̂₀ + c₂(t) · x`, equation 7 of Ho, Jain and Abbeel (2020).
  package func stepAncestrally(
    from t: Int,
    clean: Span<Float>,
    x: inout MutableSpan<Float>
  ) {
    precondition(clean.count == x.count)
    let (c1, c2) = (cleanWeight[t], noisyWeight[t])
    for i in clean.indices { x[i] = c1 * clean[i] + c2 * x[i] }
  }

  /// Adds the posterior's noise, √β̃ₜ · ε, to one row (d).
  package func addNoise(_ noise: Span<Float>, at t: Int, to x: inout MutableSpan<Float>) {
    precondition(noise.count == x.count)
    let deviation = variance[t].squareRoot()
    for i in noise.indices { x[i] += deviation * noise[i] }
  }

  /// Moves `x` (rows × d) from step `t` to the earlier step `s`, keeping the noise it implies.
  ///
  /// `x ← √ᾱₛ · x̂₀ + √(1 − ᾱₛ) · ε̂` with ε̂ = (x − √ᾱₜ · x̂₀) / √(1 − ᾱₜ).
  package func stepDeterministically(
    from t: Int,
    to s: Int,
    clean: Span<Float>,
    x: inout MutableSpan<Float>
  ) {
    precondition(s < t)
    precondition(clean.count == x.count)
    let keep = ((1 - signal[s]) / (1 - signal[t])).squareRoot()
    let pull = signal[s].squareRoot() - signal[t].squareRoot() * keep
    for i in clean.indices { x[i] = pull * clean[i] + keep * x[i] }
  }
}
