import Diffusion
import Testing

/// The denoiser that an ``AffineEstimate`` describes, guided, for the iterative sampler.
private struct GuidedAffine: Denoiser {
  let estimate: AffineEstimate
  let guidance: Float
  /// (requests, d).
  let h: [Float]
  var width: Int { estimate.emptyTerm.count }

  mutating func estimate(
    _ x: Span<Float>,
    requests: Span<Int32>,
    at t: Int,
    into clean: inout MutableSpan<Float>
  ) {
    let d = width
    for row in requests.indices {
      let request = Int(requests[row])
      for i in 0..<d {
        var sum = estimate.stepTerms[t * d + i] - guidance * estimate.emptyTerm[i]
        for j in 0..<d {
          sum += estimate.a[i * d + j] * x[row * d + j]
          sum += (1 + guidance) * estimate.b[i * d + j] * h[request * d + j]
        }
        clean[row * d + i] = sum
      }
    }
  }
}

/// Seeded normals drawn for all requests of width d at once: cheap for a small d.
private struct BulkNoise: NoiseSource {
  let requests: Int
  let width: Int
  var drawn: [Float] = []

  mutating func fill(_ noise: inout MutableSpan<Float>, request: Int, draw: Int) {
    if request == 0 {
      drawn = [Float](repeating: 0, count: requests * width)
      var span = drawn.mutableSpan
      Noise.fill(&span, key: NoiseKey(seed: 5, user: 6, position: 7), draw: draw)
    }
    for i in noise.indices { noise[i] = drawn[request * width + i] }
  }
}

/// Noise that is 1 in one lane.
private struct UnitNoise: NoiseSource {
  let lane: Int
  mutating func fill(_ noise: inout MutableSpan<Float>, request: Int, draw: Int) {
    for i in noise.indices { noise[i] = i == lane ? 1 : 0 }
  }
}

private let d = 3

private func affine(steps: Int, rank: Int = d) -> AffineEstimate {
  var random = Philox.words((1, 2, 3, 4), key: (5, 6)).0
  func values(_ count: Int, _ scale: Float) -> [Float] {
    (0..<count).map { _ in
      random = random &* 1_664_525 &+ 1_013_904_223
      return (Float(random >> 8) * 0x1p-24 - 0.5) * 2 * scale
    }
  }
  var a = values(d * d, 0.6)
  for i in (rank * d)..<(d * d) { a[i] = 0 }
  return AffineEstimate(
    a: a,
    b: values(d * d, 0.5),
    emptyTerm: values(d, 0.5),
    stepTerms: values(steps * d, 1)
  )
}

extension FoldedSampler {
  fileprivate mutating func draw(_ h: [Float], noise: some NoiseSource) -> [Float] {
    var (clean, noise) = ([Float](repeating: .nan, count: h.count), noise)
    var outcomes: [Outcome] = []
    var span = clean.mutableSpan
    sample(h.span, noise: &noise, into: &span, outcomes: &outcomes)
    #expect(outcomes == Array(repeating: Outcome(steps: 1, stoppedBy: .folded), count: h.count / d))
    return clean
  }

  /// The covariance, (d, d), from the factor's columns.
  fileprivate mutating func covariance() -> [Double] {
    let h = [Float](repeating: 0, count: d)
    let mean = draw(h, noise: Silence())
    let columns = (0..<d).map { lane in
      zip(draw(h, noise: UnitNoise(lane: lane)), mean).map { Double($0) - Double($1) }
    }
    return (0..<(d * d)).map { at in
      columns.reduce(0) { $0 + $1[at / d] * $1[at % d] }
    }
  }
}

@Suite("The folded sampler")
struct FoldedSamplerTests {
  struct Setting: CustomTestStringConvertible, Sendable {
    let name: NoiseSchedule.Name
    let steps: Int
    let guidance: Float
    var testDescription: String { "\(name.rawValue), T = \(steps), w = \(guidance)" }

    static let all = [50, 500].flatMap { steps in
      NoiseSchedule.Name.allCases.map {
        Setting(name: $0, steps: steps, guidance: steps == 50 ? 2 : 0)
      }
    }

    func schedule() throws -> NoiseSchedule { try NoiseSchedule(.init(name: name, steps: steps)) }

    func folded() throws -> FoldedSampler {
      try FoldedSampler(schedule: schedule(), estimate: affine(steps: steps), guidance: guidance)
    }

    /// The mean and covariance of x₀ given h, element by element through the chain.
    func walked(_ h: [Float]) throws -> (mean: [Double], covariance: [Double]) {
      let (schedule, estimate, w) = (try schedule(), affine(steps: steps), Double(guidance))
      var mean = [Double](repeating: 0, count: d)
      var covariance = (0..<(d * d)).map { $0 / d == $0 % d ? 1.0 : 0 }
      for t in (0..<steps).reversed() {
        let (c1, c2) = (Double(schedule.cleanWeight[t]), Double(schedule.noisyWeight[t]))
        func j(_ row: Int, _ column: Int) -> Double {
          c1 * Double(estimate.a[row * d + column]) + (row == column ? c2 : 0)
        }
        mean = (0..<d).map { i in
          var next = c1 * Double(estimate.stepTerms[t * d + i])
          next -= c1 * w * Double(estimate.emptyTerm[i])
          for n in 0..<d {
            next += j(i, n) * mean[n] + c1 * (1 + w) * Double(estimate.b[i * d + n]) * Double(h[n])
          }
          return next
        }
        covariance = (0..<(d * d)).map { at in
          var next = at / d == at % d ? Double(schedule.variance[t]) : 0
          for n in 0..<d {
            for m in 0..<d { next += j(at / d, n) * covariance[n * d + m] * j(at % d, m) }
          }
          return next
        }
      }
      return (mean, covariance)
    }
  }

  private let h: [Float] = [0.7, -1.2, 0.4]

  @Test("has the mean and covariance of the chain", arguments: Setting.all)
  func closedForm(setting: Setting) throws {
    var folded = try setting.folded()
    let expected = try setting.walked(h)
    let mean = folded.draw(h, noise: Silence())
    for i in 0..<d { #expect(abs(Double(mean[i]) - expected.mean[i]) < 1e-5) }
    let covariance = folded.covariance()
    for i in covariance.indices { #expect(abs(covariance[i] - expected.covariance[i]) < 1e-5) }
  }

  @Test("is the iterative sampler draw by draw when there is no noise", arguments: Setting.all)
  func silent(setting: Setting) throws {
    var folded = try setting.folded()
    var generator = try Generator(schedule: setting.schedule(), sampler: .ddpm)
    var model = GuidedAffine(
      estimate: affine(steps: setting.steps),
      guidance: setting.guidance,
      h: h
    )
    let walked = generator.run(&model, requests: 1, noise: Silence()).clean[0]
    let drawn = folded.draw(h, noise: Silence())
    for i in 0..<d { #expect(abs(walked[i] - drawn[i]) < 2e-5) }
  }

  /// The iterative sampler's draws, judged by the folded distribution, at 4.5 standard errors.
  @Test("is what the iterative sampler draws from", arguments: Setting.all)
  func empirical(setting: Setting) throws {
    let draws = setting.steps == 50 ? 4000 : 1000
    var generator = try Generator(schedule: setting.schedule(), sampler: .ddpm)
    var model = GuidedAffine(
      estimate: affine(steps: setting.steps),
      guidance: setting.guidance,
      h: (0..<draws).flatMap { _ in h }
    )
    let noise = BulkNoise(requests: draws, width: d)
    let clean = generator.run(&model, requests: draws, noise: noise).clean
    let n = Double(draws)

    var folded = try setting.folded()
    let mean = folded.draw(h, noise: Silence()).map(Double.init)
    let covariance = folded.covariance()
    let residuals = clean.map { row in zip(row, mean).map { Double($0) - $1 } }
    for i in 0..<d {
      let found = residuals.reduce(0) { $0 + $1[i] } / n
      #expect(abs(found) < 4.5 * (covariance[i * d + i] / n).squareRoot(), "mean \(i)")
      for j in 0..<d {
        let found = residuals.reduce(0) { $0 + $1[i] * $1[j] } / n
        let (ii, jj, ij) = (covariance[i * d + i], covariance[j * d + j], covariance[i * d + j])
        let error = ((ii * jj + ij * ij) / n).squareRoot()
        #expect(abs(found - ij) < 4.5 * error, "covariance \(i), \(j)")
      }
    }
    // Squared Mahalanobis distances follow χ² with d degrees: mean d, variance 2d.
    let distances = residuals.map { mahalanobis($0, covariance) }
    let average = distances.reduce(0, +) / n
    #expect(abs(average - Double(d)) < 4.5 * (2 * Double(d) / n).squareRoot())
    // 5 % lie beyond 7.815, the 95th percentile for d = 3.
    let beyond = Double(distances.count { $0 > 7.814_7 }) / n
    #expect(abs(beyond - 0.05) < 4.5 * (0.05 * 0.95 / n).squareRoot())
  }

  /// vᵀ · M⁻¹ · v for a symmetric 3 × 3 matrix, by cofactors.
  private func mahalanobis(_ v: [Double], _ m: [Double]) -> Double {
    func cofactor(_ i: Int, _ j: Int) -> Double {
      let (a, b, c, e) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3)
      return m[a * 3 + c] * m[b * 3 + e] - m[a * 3 + e] * m[b * 3 + c]
    }
    let determinant = (0..<3).reduce(0) { $0 + m[$1] * cofactor(0, $1) }
    return (0..<9).reduce(0) { $0 + v[$1 / 3] * cofactor($1 / 3, $1 % 3) * v[$1 % 3] } / determinant
  }

  @Test("a result does not depend on its batch")
  func invariant() throws {
    var folded = try Setting.all[0].folded()
    let users = 0..<15
    func key(_ user: Int) -> NoiseKey {
      NoiseKey(seed: 1, user: UInt64(user), position: 2)
    }
    let conditions = users.map { user in (0..<d).map { Float(user) * 0.1 - Float($0) } }
    let batch = folded.draw(conditions.flatMap { $0 }, noise: SeededNoise(keys: users.map(key)))
    for user in users {
      let alone = folded.draw(conditions[user], noise: SeededNoise(keys: [key(user)]))
      #expect(alone.map(\.bitPattern) == batch[(user * d)..<((user + 1) * d)].map(\.bitPattern))
    }
    #expect(Set(batch).count == batch.count)
  }

  @Test("directions without variance are drawn without it", arguments: [0, 1, 2])
  func singular(rank: Int) throws {
    let schedule = try NoiseSchedule(.init(name: .linear, steps: 50))
    let estimate = affine(steps: 50, rank: rank)
    var folded = try FoldedSampler(schedule: schedule, estimate: estimate, guidance: 1)
    let mean = folded.draw(h, noise: Silence())
    let noisy = folded.draw(h, noise: SeededNoise(keys: [NoiseKey(seed: 1, user: 1, position: 1)]))
    // The last step maps x by A and adds no noise, so rows of A that are zero have no variance.
    for i in 0..<d { #expect((noisy[i] == mean[i]) == (i >= rank), "lane \(i)") }
  }

  @Test("shapes that do not fit, and chains that diverge, are refused")
  func refused() throws {
    let schedule = try NoiseSchedule(.init(name: .linear, steps: 50))
    func fold(_ change: (inout AffineEstimate) -> Void, guidance: Float = 1) throws {
      var estimate = affine(steps: 50)
      change(&estimate)
      _ = try FoldedSampler(schedule: schedule, estimate: estimate, guidance: guidance)
    }
    #expect(throws: DiffusionFailure.self) { try fold { $0.a.removeLast() } }
    #expect(throws: DiffusionFailure.self) { try fold { $0.b.removeLast() } }
    #expect(throws: DiffusionFailure.self) { try fold { $0.emptyTerm.removeLast() } }
    #expect(throws: DiffusionFailure.self) { try fold { $0.stepTerms.removeLast() } }
    #expect(throws: DiffusionFailure.self) { try fold({ _ in }, guidance: .nan) }
    #expect(throws: DiffusionFailure.self) { try fold { $0.a[0] = 1e30 } }
    #expect(throws: DiffusionFailure.self) { try fold { $0.b[4] = .nan } }
    #expect(throws: DiffusionFailure.self) {
      try fold { $0 = AffineEstimate(a: [], b: [], emptyTerm: [], stepTerms: []) }
    }
    try fold { _ in }
  }
}
