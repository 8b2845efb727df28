import Diffusion
import Synchronization
import Testing

@Suite("Generating a batch")
struct GeneratorTests {
  static let samplers: [Sampler] = [.ddpm, .ddim(steps: 7), .ddim(steps: 1)]

  private func schedule(_ steps: Int = 20) throws -> NoiseSchedule {
    try NoiseSchedule(.init(name: .exp, steps: steps))
  }

  private func key(_ user: Int) -> NoiseKey {
    NoiseKey(seed: 3, user: stableHash("user \(user)"), position: UInt64(user * 10))
  }

  @Test("calls the denoiser once a step, for all rows", arguments: samplers)
  func calls(sampler: Sampler) throws {
    var generator = try Generator(schedule: schedule(), sampler: sampler)
    var model = AffineDenoiser(width: 3, pulls: [1, 2])
    let result = generator.run(&model, requests: 2, noise: SeededNoise(keys: [key(0), key(1)]))
    #expect(model.calls.map(\.t) == generator.timesteps)
    #expect(model.calls.allSatisfy { $0.requests == [0, 1] })
    let outcome = Outcome(steps: generator.timesteps.count, stoppedBy: .steps)
    #expect(result.outcomes == [outcome, outcome])
  }

  @Test("follows the equations, walked by hand", arguments: samplers)
  func walked(sampler: Sampler) throws {
    let schedule = try schedule()
    var generator = try Generator(schedule: schedule, sampler: sampler)
    var model = AffineDenoiser(width: 1, pulls: [0.5])
    let result = generator.run(&model, requests: 1, noise: SeededNoise(keys: [key(0)]))

    func draw(_ index: Int) -> Float {
      var value = [Float(0)]
      var span = value.mutableSpan
      Noise.fill(&span, key: key(0), draw: index)
      return value[0]
    }
    var (x, clean) = (draw(0), Float(0))
    for (index, t) in generator.timesteps.enumerated() {
      clean = 0.3 * x + 0.5
      let isLast = index == generator.timesteps.count - 1
      if sampler == .ddpm {
        x = schedule.cleanWeight[t] * clean + schedule.noisyWeight[t] * x
        if isLast { clean = x } else { x += schedule.variance[t].squareRoot() * draw(index + 1) }
      } else if !isLast {
        let (a, b) = (schedule.signal[t], schedule.signal[generator.timesteps[index + 1]])
        let noise = (x - a.squareRoot() * clean) / (1 - a).squareRoot()
        x = b.squareRoot() * clean + (1 - b).squareRoot() * noise
      }
    }
    #expect(abs(result.clean[0][0] - clean) < 1e-5)
  }

  @Test("begins at a noised origin, at the step that was asked for", arguments: samplers)
  func started(sampler: Sampler) throws {
    let schedule = try schedule()
    var generator = try Generator(schedule: schedule, sampler: sampler, start: 12)
    #expect(generator.timesteps.first == 12)
    // Echoes x, so that the estimate of the first step is what the walk began at.
    var model = AffineDenoiser(width: 2, gain: 1, pulls: [0, 0])
    let noise = SeededNoise(keys: [key(0), key(1)])
    // It is late from the first step on.
    let late = Deadlines(timesNs: [0, 0]) { 1 }
    let result = generator.run(
      &model,
      requests: 2,
      noise: noise,
      deadlines: late,
      origin: [1, 2, 3, 4]
    )
    for request in 0..<2 {
      var drawn = [Float](repeating: 0, count: 2)
      var span = drawn.mutableSpan
      Noise.fill(&span, key: key(request), draw: 0)
      for i in 0..<2 {
        let origin = Float(2 * request + i + 1)
        let expected =
          schedule.signal[12].squareRoot() * origin + (1 - schedule.signal[12]).squareRoot()
          * drawn[i]
        #expect(abs(result.clean[request][i] - expected - Float(i) * 0.01) < 1e-5)
      }
    }
  }

  @Test("a result does not depend on its batch", arguments: samplers, [0, 0.2] as [Float])
  func invariant(sampler: Sampler, tolerance: Float) throws {
    let rule = StoppingRule(tolerance: tolerance)
    let pulls = (0..<9).map { Float($0) - 3 }
    var generator = try Generator(schedule: schedule(), sampler: sampler, rule: rule)
    let alone = (0..<9).map { user in
      var model = AffineDenoiser(width: 5, pulls: [pulls[user]])
      let result = generator.run(&model, requests: 1, noise: SeededNoise(keys: [key(user)]))
      return (result.clean[0].map(\.bitPattern), result.outcomes[0])
    }
    for users in [Array(0..<9), [8, 2, 5], [4, 4, 0, 7, 1, 3], Array((0..<9).reversed())] {
      var model = AffineDenoiser(width: 5, pulls: users.map { pulls[$0] })
      let noise = SeededNoise(keys: users.map(key))
      let batch = generator.run(&model, requests: users.count, noise: noise)
      for (request, user) in users.enumerated() {
        #expect(batch.clean[request].map(\.bitPattern) == alone[user].0)
        #expect(batch.outcomes[request] == alone[user].1)
      }
    }
  }

  @Test("a row leaves once its estimate stands still, and the others go on")
  func relativeChange() throws {
    var generator = try Generator(
      schedule: schedule(),
      sampler: .ddim(steps: 5),
      rule: StoppingRule(tolerance: 0.1, patience: 2)
    )
    // Request 0 moves always; 1 stands still from the first; 2 only from the third.
    var model = ScriptedDenoiser(script: [
      [1, 5, 1], [2, 5.1, 2], [3, 5, 4], [4, 9, 4.1], [5, 9, 4.1],
    ])
    let result = generator.run(&model, requests: 3, noise: Silence())
    #expect(
      result.outcomes == [
        Outcome(steps: 5, stoppedBy: .steps),
        Outcome(steps: 3, stoppedBy: .relativeChange),
        Outcome(steps: 5, stoppedBy: .relativeChange),
      ]
    )
    #expect(result.clean == [[5, 5], [5, 5], [4.1, 4.1]])
  }

  @Test("standing still means in a row, and takes two steps at least")
  func patience() throws {
    let rule = StoppingRule(tolerance: 0.1, patience: 1)
    var generator = try Generator(schedule: schedule(), sampler: .ddim(steps: 4), rule: rule)
    var model = ScriptedDenoiser(script: [[0, 1], [0, 1], [0, 1], [0, 1]])
    var result = generator.run(&model, requests: 2, noise: Silence())
    // Estimates of 0 have no relative change: they run to the end.
    #expect(result.outcomes.map(\.steps) == [4, 2])

    let twice = StoppingRule(tolerance: 0.1, patience: 2)
    generator = try Generator(schedule: schedule(), sampler: .ddim(steps: 5), rule: twice)
    model = ScriptedDenoiser(script: [[1], [1], [2], [2], [3]])
    result = generator.run(&model, requests: 1, noise: Silence())
    #expect(result.outcomes == [Outcome(steps: 5, stoppedBy: .steps)])
  }

  @Test("NaN never stands still")
  func notFinite() throws {
    let rule = StoppingRule(tolerance: 0.5)
    var generator = try Generator(schedule: schedule(), sampler: .ddim(steps: 3), rule: rule)
    var model = ScriptedDenoiser(script: [[.nan], [.nan], [.nan]])
    let result = generator.run(&model, requests: 1, noise: Silence())
    #expect(result.outcomes == [Outcome(steps: 3, stoppedBy: .steps)])
    #expect(result.clean[0].allSatisfy { $0.isNaN })
  }

  @Test("a row goes on only while another step would end by its deadline")
  func deadline() throws {
    let clock = Mutex<UInt64>(1000)
    var generator = try Generator(schedule: schedule(), sampler: .ddim(steps: 10))
    var model = AffineDenoiser(width: 2, pulls: [1, 2, 3, 4])
    model.onCall = { _ in clock.withLock { $0 += 100 } }
    // Steps end at 1100, 1200, …: another is started when it would end in time, to the nanosecond.
    let deadlines = Deadlines(timesNs: [0, 1200, 1399, .max]) { clock.withLock { $0 } }
    let noise = SeededNoise(keys: (0..<4).map(key))
    let result = generator.run(&model, requests: 4, noise: noise, deadlines: deadlines)
    #expect(
      result.outcomes == [
        Outcome(steps: 1, stoppedBy: .deadline), Outcome(steps: 2, stoppedBy: .deadline),
        Outcome(steps: 3, stoppedBy: .deadline), Outcome(steps: 10, stoppedBy: .steps),
      ]
    )
    #expect(model.calls.map(\.requests).prefix(4) == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]])
  }

  @Test("the cost of a step is remembered for its batch size, without the rare outlier")
  func cost() throws {
    let clock = Mutex<UInt64>(0)
    var generator = try Generator(schedule: schedule(), sampler: .ddim(steps: 20))
    func run(requests: Int, stepNs: UInt64, deadlineNs: UInt64) -> [Int] {
      var model = AffineDenoiser(width: 1, pulls: Array(repeating: 1, count: requests))
      model.onCall = { _ in clock.withLock { $0 += stepNs } }
      let startNs = clock.withLock { $0 }
      let deadlines = Deadlines(
        timesNs: Array(repeating: startNs + deadlineNs, count: requests),
        nowNs: { clock.withLock { $0 } }
      )
      let noise = SeededNoise(keys: (0..<requests).map(key))
      return generator.run(&model, requests: requests, noise: noise, deadlines: deadlines)
        .outcomes.map(\.steps)
    }
    #expect(run(requests: 1, stepNs: 10, deadlineNs: 1000) == [20])
    #expect(run(requests: 1, stepNs: 10, deadlineNs: 1000) == [20])
    // A slow step is one in forty: it is no percentile yet. Two are.
    #expect(run(requests: 1, stepNs: 500, deadlineNs: 520) == [2])
    #expect(run(requests: 1, stepNs: 10, deadlineNs: 505) == [1])
    // Other sizes do not know of it.
    #expect(run(requests: 8, stepNs: 10, deadlineNs: 505) == Array(repeating: 20, count: 8))
  }

  @Test("rules out of range are refused")
  func refused() throws {
    let schedule = try schedule()
    let rules = [
      StoppingRule(tolerance: -0.1), StoppingRule(tolerance: 1), StoppingRule(tolerance: .nan),
      StoppingRule(patience: 0),
    ]
    for rule in rules {
      #expect(throws: DiffusionFailure.self) {
        try Generator(schedule: schedule, sampler: .ddpm, rule: rule)
      }
    }
  }

  @Test("an empty batch is legal, and a smaller one after a larger")
  func sizes() throws {
    var generator = try Generator(schedule: schedule(), sampler: .ddim(steps: 3))
    for requests in [4, 0, 2, 7] {
      var model = AffineDenoiser(width: 2, pulls: Array(repeating: 1, count: requests))
      let noise = SeededNoise(keys: (0..<requests).map(key))
      let result = generator.run(&model, requests: requests, noise: noise)
      #expect(result.outcomes.count == requests)
      #expect(result.clean.joined().allSatisfy { $0.isFinite })
    }
  }
}
