/// How a request's estimate came to be.
package struct Outcome: Equatable, Sendable {
  /// Denoiser calls, at least 1.
  package var steps: Int
  package var stoppedBy: StopReason

  package init(steps: Int, stoppedBy: StopReason) {
    self.steps = steps
    self.stoppedBy = stoppedBy
  }
}

/// When denoising must end, a row's clock.
package struct Deadlines {
  /// Each request's, on the clock of `nowNs`; `.max` for none. (requests)
  package var timesNs: [UInt64]
  package var nowNs: () -> UInt64

  package init(timesNs: [UInt64], nowNs: @escaping () -> UInt64) {
    self.timesNs = timesNs
    self.nowNs = nowNs
  }
}

/// The reverse process for a batch, with rows that leave it as soon as they are done.
///
/// What a request gets is the estimate x̂₀ of its last step (after all T ancestral steps: x₀), so
/// it can stop at any step. Rows never mix: given a denoiser whose rows do not depend on each
/// other, the bits of a result are the same in any batch. A generator keeps its scratch, and
/// allocates only for a batch larger than any before.
package struct Generator: Sendable {
  package let schedule: NoiseSchedule
  package let sampler: Sampler
  package let rule: StoppingRule
  /// The steps that are visited unless a row stops, falling.
  package let timesteps: [Int]
  private var scratch = Scratch()
  private var cost = StepCost()

  package init(
    schedule: NoiseSchedule,
    sampler: Sampler,
    rule: StoppingRule = StoppingRule(),
    start: Int? = nil
  ) throws(DiffusionFailure) {
    try rule.validate()
    self.schedule = schedule
    self.sampler = sampler
    self.rule = rule
    timesteps = try sampler.timesteps(of: schedule, from: start)
  }

  /// Denoises every request of a batch.
  ///
  /// A row goes on only while another step, at what steps of this batch size lately cost, would end
  /// by its deadline; it always gets one.
  ///
  /// `clean` (requests, d) takes the estimates; its size gives the number of requests. `outcomes`
  /// (requests) says how each came to be; what it held is replaced. The walk begins at noise, or at
  /// the vectors of `origin` (requests, d) with the noise of the generator's first step
  /// (Meng and others 2022, SDEdit).
  package mutating func generate(
    with model: inout some Denoiser,
    noise: inout some NoiseSource,
    deadlines: Deadlines? = nil,
    origin: [Float] = [],
    into clean: inout MutableSpan<Float>,
    outcomes: inout [Outcome]
  ) {
    let d = model.width
    precondition(d > 0 && clean.count % d == 0)
    precondition(origin.isEmpty || origin.count == clean.count)
    let requests = clean.count / d
    if let deadlines { precondition(deadlines.timesNs.count == requests) }
    outcomes.removeAll(keepingCapacity: true)
    for _ in 0..<requests { outcomes.append(Outcome(steps: 0, stoppedBy: .steps)) }
    scratch.begin(requests: requests, width: d, noise: &noise)
    if let first = timesteps.first, !origin.isEmpty {
      scratch.start(from: origin, signal: schedule.signal[first])
    }

    var startNs = deadlines?.nowNs() ?? 0
    for (index, t) in timesteps.enumerated() where scratch.rows > 0 {
      let isLast = index == timesteps.count - 1
      scratch.estimate(with: &model, at: t)
      if isLast && t == 0 && sampler == .ddpm { scratch.takeLastStep(schedule) }
      let rows = scratch.rows
      scratch.measureChange(tolerance: index > 0 ? rule.tolerance : 0)

      var latestNs = UInt64.max
      if let deadlines {
        let nowNs = deadlines.nowNs()
        cost.record(nowNs &- min(startNs, nowNs), rows: rows)
        latestNs = nowNs &+ cost.estimateNs(rows: rows)
        startNs = nowNs
      }
      scratch.release(into: &clean) { request, still in
        let reason: StopReason? =
          if still >= rule.patience { .relativeChange } else if isLast {
            .steps
          } else if let deadlines, deadlines.timesNs[request] < latestNs { .deadline } else { nil }
        if let reason { outcomes[request] = Outcome(steps: index + 1, stoppedBy: reason) }
        return reason != nil
      }
      if isLast { break }
      scratch.step(
        schedule,
        sampler,
        from: t,
        to: timesteps[index + 1],
        draw: index + 1,
        noise: &noise
      )
    }
  }
}
