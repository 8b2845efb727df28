package import Diffusion
internal import Kernels

/// From conditions to x̂₀: in one draw for a folded linear denoiser, or step by step.
///
/// Scratch and results are kept: memory is allocated only for a batch larger than any before, or
/// while somebody still has the results of the last.
package struct Walk: Sendable {
  fileprivate struct Steps: Sendable {
    var generator: Generator
    var denoiser: GuidedDenoiser
  }

  /// One of the two.
  private var folded: FoldedSampler?
  private var steps: Steps?
  /// The results of the last batch.
  private var clean: [Float] = []
  private var outcomes: [Outcome] = []

  /// Prepares the reverse process of a model.
  ///
  /// - Parameters:
  ///   - weights: The model's.
  ///   - description: Its noise schedule.
  ///   - serving: Sampler, steps and guidance.
  ///   - rule: When a row may leave its batch; a folded chain has no steps to leave.
  ///   - start: The step to begin at instead of T − 1.
  /// - Throws: When the chain diverges, or sampler and model do not fit.
  package init(
    _ weights: Weights,
    schedule description: NoiseSchedule.Description,
    serving: Manifest.Serving,
    rule: StoppingRule,
    start: Int? = nil
  ) throws(DiffusionFailure) {
    let schedule = try NoiseSchedule(description)
    if serving.sampler == .folded {
      guard start == nil else { throw DiffusionFailure(reason: "a folded chain starts at noise") }
      guard let parts = LinearDenoiserParts(weights, steps: schedule.steps) else {
        throw DiffusionFailure(
          reason: "only a linear denoiser can be folded; sample by ddim or ddpm"
        )
      }
      let estimate = AffineEstimate(
        a: parts.a,
        b: parts.b,
        emptyTerm: parts.none,
        stepTerms: parts.steps
      )
      folded = try FoldedSampler(
        schedule: schedule,
        estimate: estimate,
        guidance: serving.guidance
      )
      return
    }
    steps = Steps(
      generator: try Generator(
        schedule: schedule,
        sampler: serving.sampler == .ddpm ? .ddpm : .ddim(steps: serving.steps),
        rule: rule,
        start: start
      ),
      denoiser: GuidedDenoiser(weights, steps: schedule.steps, guidance: serving.guidance)
    )
  }

  /// Makes the estimates of a batch.
  ///
  /// - Parameters:
  ///   - conditions: h of each row, (rows, d).
  ///   - keys: What draws each row's noise. (rows)
  ///   - deadlines: When each row should be done; a folded chain takes no heed.
  ///   - origin: What the walk starts at instead of noise, (rows, d), or nothing.
  /// - Returns: x̂₀ of each row, (rows, d), and how it came to be.
  package mutating func generate(
    _ conditions: [Float],
    keys: [NoiseKey],
    deadlines: Deadlines? = nil,
    origin: [Float] = []
  ) -> (clean: [Float], outcomes: [Outcome]) {
    var clean: [Float] = []
    swap(&clean, &self.clean)
    defer { self.clean = clean }
    clean.resize(to: conditions.count)
    outcomes.removeAll(keepingCapacity: true)
    if keys.isEmpty { return (clean, outcomes) }
    var noise = SeededNoise(keys: keys)
    var estimates = clean.mutableSpan
    folded?.sample(conditions.span, noise: &noise, into: &estimates, outcomes: &outcomes)
    steps?.denoiser.begin(conditions: conditions.span)
    steps?.generate(&noise, deadlines, origin, into: &estimates, &outcomes)
    return (clean, outcomes)
  }
}

extension Walk.Steps {
  fileprivate mutating func generate(
    _ noise: inout SeededNoise,
    _ deadlines: Deadlines?,
    _ origin: [Float],
    into clean: inout MutableSpan<Float>,
    _ outcomes: inout [Outcome]
  ) {
    generator.generate(
      with: &denoiser,
      noise: &noise,
      deadlines: deadlines,
      origin: origin,
      into: &clean,
      outcomes: &outcomes
    )
  }
}
