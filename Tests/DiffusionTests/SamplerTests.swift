import Diffusion
import Foundation
import Testing

@Suite("Samplers")
struct SamplerTests {
  @Test("DDPM visits every step")
  func ancestral() throws {
    let schedule = try NoiseSchedule(.init(name: .linear, steps: 5))
    #expect(try Sampler.ddpm.timesteps(of: schedule) == [4, 3, 2, 1, 0])
  }

  @Test("DDIM's steps are evenly spaced, halves to even")
  func grid() throws {
    let schedule = try NoiseSchedule(.init(name: .exp, steps: 500))
    #expect(try Sampler.ddim(steps: 1).timesteps(of: schedule) == [499])
    #expect(try Sampler.ddim(steps: 2).timesteps(of: schedule) == [499, 0])
    // 249.5 lies between, and 250 is even.
    #expect(try Sampler.ddim(steps: 3).timesteps(of: schedule) == [499, 250, 0])
    #expect(
      try Sampler.ddim(steps: 20).timesteps(of: schedule) == [
        499, 473, 446, 420, 394, 368, 341, 315, 289, 263, 236, 210, 184, 158, 131, 105, 79, 53, 26,
        0,
      ]
    )
  }

  @Test("whatever their number, DDIM's steps fall from T − 1 to 0", arguments: [2, 50, 500])
  func falling(steps: Int) throws {
    let schedule = try NoiseSchedule(.init(name: .sqrt, steps: steps))
    for count in 2...steps {
      let timesteps = try Sampler.ddim(steps: count).timesteps(of: schedule)
      #expect(timesteps.count == count)
      #expect(timesteps.first == steps - 1 && timesteps.last == 0)
      #expect(zip(timesteps, timesteps.dropFirst()).allSatisfy { $0.0 > $0.1 })
    }
  }

  @Test("a later start leaves out the steps before it")
  func started() throws {
    let schedule = try NoiseSchedule(.init(name: .exp, steps: 500))
    #expect(try Sampler.ddpm.timesteps(of: schedule, from: 3) == [3, 2, 1, 0])
    #expect(try Sampler.ddim(steps: 3).timesteps(of: schedule, from: 100) == [100, 50, 0])
    #expect(try Sampler.ddim(steps: 1).timesteps(of: schedule, from: 100) == [100])
    #expect(try Sampler.ddim(steps: 9).timesteps(of: schedule, from: 1) == [1, 0])
    for start in [-1, 500] {
      #expect(throws: DiffusionFailure.self) {
        try Sampler.ddim(steps: 3).timesteps(of: schedule, from: start)
      }
    }
  }

  @Test("more steps than the schedule has, or none, are refused", arguments: [0, -1, 51])
  func refused(steps: Int) throws {
    let schedule = try NoiseSchedule(.init(name: .linear, steps: 50))
    #expect(throws: DiffusionFailure.self) {
      try Sampler.ddim(steps: steps).timesteps(of: schedule)
    }
  }

  @Test("a schedule of too few or too many steps is refused", arguments: [-5, 0, 1, 10_001])
  func badSchedule(steps: Int) {
    #expect(throws: DiffusionFailure.self) { try NoiseSchedule(.init(name: .exp, steps: steps)) }
  }

  @Test("β outside (0, 1) is refused", arguments: [[], [0], [1], [0.5, .nan], [-0.1]])
  func badBeta(beta: [Float]) {
    #expect(throws: DiffusionFailure.self) { try NoiseSchedule(beta: beta) }
  }

  @Test("DDIM keeps the noise that x implies", arguments: NoiseSchedule.Name.allCases)
  func deterministic(name: NoiseSchedule.Name) throws {
    let schedule = try NoiseSchedule(.init(name: name, steps: 50))
    let (clean, noise): ([Float], [Float]) = ([1, -2, 0.5], [0.3, 1.5, -0.7])
    func noised(_ t: Int) -> [Float] {
      zip(clean, noise).map {
        schedule.signal[t].squareRoot() * $0 + (1 - schedule.signal[t]).squareRoot() * $1
      }
    }
    for (t, s) in [(49, 20), (20, 3), (1, 0)] {
      var x = noised(t)
      var span = x.mutableSpan
      schedule.stepDeterministically(from: t, to: s, clean: clean.span, x: &span)
      #expect(zip(x, noised(s)).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  @Test("an ancestral step is the posterior of x₀ and xₜ", arguments: NoiseSchedule.Name.allCases)
  func posterior(name: NoiseSchedule.Name) throws {
    let schedule = try NoiseSchedule(.init(name: name, steps: 50))
    // xₜ made from x₀ without noise must give the mean of xₜ₋₁: √ᾱₜ₋₁ · x₀.
    for t in [1, 7, 30, 48] {
      var x = [schedule.signal[t].squareRoot() * 2]
      let clean: [Float] = [2]
      var span = x.mutableSpan
      schedule.stepAncestrally(from: t, clean: clean.span, x: &span)
      #expect(abs(x[0] - schedule.signal[t - 1].squareRoot() * 2) < 1e-4)
      span = x.mutableSpan
      schedule.addNoise([Float(1)].span, at: t, to: &span)
      let deviation = schedule.variance[t].squareRoot()
      #expect(abs(x[0] - schedule.signal[t - 1].squareRoot() * 2 - deviation) < 1e-4)
    }
    #expect(schedule.noisyWeight[0] == 0)
    #expect(schedule.variance[0] == 0)
  }

  @Test("a description survives the manifest")
  func description() throws {
    let json = Data(#"{"name":"cosine","steps":500}"#.utf8)
    let description = try JSONDecoder().decode(NoiseSchedule.Description.self, from: json)
    #expect(description == NoiseSchedule.Description(name: .cosine, steps: 500))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(try encoder.encode(description) == json)
  }
}
