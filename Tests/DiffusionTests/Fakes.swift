import Diffusion

/// x̂₀ = gain · x + pull, row by row: no row depends on another.
struct AffineDenoiser: Denoiser {
  let width: Int
  var gain: Float = 0.3
  /// What each request is drawn to.
  var pulls: [Float]
  /// The step and the requests of every call.
  var calls: [(t: Int, requests: [Int32])] = []
  /// Called before each estimate, so that time can pass.
  var onCall: (@Sendable (Int) -> Void)?

  mutating func estimate(
    _ x: Span<Float>,
    requests: Span<Int32>,
    at t: Int,
    into clean: inout MutableSpan<Float>
  ) {
    precondition(x.count == requests.count * width && clean.count == x.count)
    calls.append((t, requests.indices.map { requests[$0] }))
    onCall?(requests.count)
    for i in x.indices {
      clean[i] = gain * x[i] + pulls[Int(requests[i / width])] + Float(i % width) * 0.01
    }
  }
}

/// The estimates that a script gives: `script[call][request]`, in every lane.
struct ScriptedDenoiser: Denoiser {
  let width = 2
  let script: [[Float]]
  var call = 0

  mutating func estimate(
    _ x: Span<Float>,
    requests: Span<Int32>,
    at t: Int,
    into clean: inout MutableSpan<Float>
  ) {
    for i in x.indices { clean[i] = script[call][Int(requests[i / width])] }
    call += 1
  }
}

/// No noise at all.
struct Silence: NoiseSource {
  mutating func fill(_ noise: inout MutableSpan<Float>, request: Int, draw: Int) {
    for i in noise.indices { noise[i] = 0 }
  }
}

extension Generator {
  /// Runs a batch and returns its estimates and outcomes.
  mutating func run(
    _ model: inout some Denoiser,
    requests: Int,
    noise: some NoiseSource,
    deadlines: Deadlines? = nil,
    origin: [Float] = []
  ) -> (clean: [[Float]], outcomes: [Outcome]) {
    var (clean, noise) = ([Float](repeating: .nan, count: requests * model.width), noise)
    var outcomes: [Outcome] = []
    var span = clean.mutableSpan
    generate(
      with: &model,
      noise: &noise,
      deadlines: deadlines,
      origin: origin,
      into: &span,
      outcomes: &outcomes
    )
    let d = model.width
    return ((0..<requests).map { Array(clean[($0 * d)..<(($0 + 1) * d)]) }, outcomes)
  }
}
