internal import Kernels

/// The rows of a batch that are still being denoised, packed at the front of each array.
struct Scratch: Sendable {
  private(set) var rows = 0
  private var width = 0
  /// The noisy vectors xₜ, (rows, d).
  private var x: [Float] = []
  /// The newest estimates pₖ, (rows, d).
  private var clean: [Float] = []
  /// The estimates pₖ₋₁ before them, (rows, d).
  private var previous: [Float] = []
  private var noise: [Float] = []
  /// Which request each row belongs to.
  private var requests: [Int32] = []
  /// For how many steps each row's estimate has stood still.
  private var still: [Int] = []

  /// Draws x_T for a new batch.
  mutating func begin(requests count: Int, width: Int, noise source: inout some NoiseSource) {
    self.width = width
    rows = count
    if x.count < count * width {
      x = [Float](repeating: 0, count: count * width)
      clean = x
      previous = x
    }
    if noise.count != width { noise = [Float](repeating: 0, count: width) }
    if requests.count < count {
      requests = [Int32](repeating: 0, count: count)
      still = [Int](repeating: 0, count: count)
    }
    for row in 0..<count {
      requests[row] = Int32(row)
      still[row] = 0
      let elements = (row * width)..<((row + 1) * width)
      x.edit(elements) { source.fill(&$0, request: row, draw: 0) }
    }
  }

  /// Makes of the noise that was drawn √ᾱ · origin + √(1 − ᾱ) · noise.
  mutating func start(from origin: [Float], signal: Float) {
    let (keep, spread) = (signal.squareRoot(), (1 - signal).squareRoot())
    for i in 0..<(rows * width) { x[i] = keep * origin[i] + spread * x[i] }
  }

  /// Asks for the estimates pₖ of all rows.
  mutating func estimate(with model: inout some Denoiser, at t: Int) {
    swap(&clean, &previous)
    let (x, requests, rows, count) = (x, requests, rows, rows * width)
    clean.edit(0..<count) {
      model.estimate(
        x.span.extracting(0..<count),
        requests: requests.span.extracting(0..<rows),
        at: t,
        into: &$0
      )
    }
  }

  /// Replaces the estimates by the mean of the ancestral step from 0: the sample x₀.
  mutating func takeLastStep(_ schedule: NoiseSchedule) {
    let (clean, live) = (clean, 0..<(rows * width))
    x.edit(live) {
      schedule.stepAncestrally(from: 0, clean: clean.span.extracting(live), x: &$0)
    }
    swap(&self.clean, &x)
  }

  /// Counts the steps for which ‖pₖ − pₖ₋₁‖ < tolerance · ‖pₖ‖; a tolerance of 0 counts none.
  mutating func measureChange(tolerance: Float) {
    if tolerance == 0 { return }
    for row in 0..<rows {
      var (change, size): (Float, Float) = (0, 0)
      for i in (row * width)..<((row + 1) * width) {
        let moved = clean[i] - previous[i]
        change += moved * moved
        size += clean[i] * clean[i]
      }
      still[row] = change < tolerance * tolerance * size ? still[row] + 1 : 0
    }
  }

  /// Hands out the estimates of rows that are done, and closes the gaps they leave.
  mutating func release(
    into result: inout MutableSpan<Float>,
    where isDone: (_ request: Int, _ still: Int) -> Bool
  ) {
    var kept = 0
    for row in 0..<rows {
      let request = Int(requests[row])
      if isDone(request, still[row]) {
        for i in 0..<width { result[request * width + i] = clean[row * width + i] }
        continue
      }
      if kept < row {
        for i in 0..<width {
          x[kept * width + i] = x[row * width + i]
          clean[kept * width + i] = clean[row * width + i]
        }
        requests[kept] = requests[row]
        still[kept] = still[row]
      }
      kept += 1
    }
    rows = kept
  }

  /// Moves all rows from step `t` to the earlier step `s`; `draw` numbers the noise this takes.
  mutating func step(
    _ schedule: NoiseSchedule,
    _ sampler: Sampler,
    from t: Int,
    to s: Int,
    draw: Int,
    noise source: inout some NoiseSource
  ) {
    let (clean, live) = (clean, 0..<(rows * width))
    x.edit(live) {
      let clean = clean.span.extracting(live)
      switch sampler {
      case .ddim: schedule.stepDeterministically(from: t, to: s, clean: clean, x: &$0)
      case .ddpm: schedule.stepAncestrally(from: t, clean: clean, x: &$0)
      }
    }
    if sampler != .ddpm { return }
    for row in 0..<rows {
      let request = Int(requests[row])
      noise.edit(0..<width) { source.fill(&$0, request: request, draw: draw) }
      let noise = noise
      x.edit((row * width)..<((row + 1) * width)) {
        schedule.addNoise(noise.span, at: t, to: &$0)
      }
    }
  }
}
