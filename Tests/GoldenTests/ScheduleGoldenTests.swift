import Diffusion
import Testing

@Suite("Noise schedules against the published ones")
struct ScheduleGoldenTests {
  /// A schedule of the fixture: its tensors are called `name.T.table`.
  struct Golden: CustomTestStringConvertible, Sendable {
    let name: NoiseSchedule.Name
    let steps: Int
    var prefix: String { "\(name.rawValue).\(steps)." }
    var testDescription: String { "\(name.rawValue), T = \(steps)" }
  }

  static func goldens() throws -> [Golden] {
    let prefixes = Set(
      try Fixture(named: "schedules").names.map { name in
        name.split(separator: ".").prefix(2).joined(separator: ".")
      }
    )
    return try prefixes.sorted().map { prefix in
      let parts = prefix.split(separator: ".")
      return Golden(
        name: try #require(NoiseSchedule.Name(rawValue: String(parts[0]))),
        steps: try #require(Int(parts[1]))
      )
    }
  }

  @Test("the fixture holds every schedule")
  func complete() throws {
    #expect(Set(try Self.goldens().map(\.name)) == Set(NoiseSchedule.Name.allCases))
  }

  @Test("β, ᾱ and β̃ agree to 1e-6", arguments: try Self.goldens())
  func noise(golden: Golden) throws {
    let fixture = try Fixture(named: "schedules")
    let schedule = try NoiseSchedule(.init(name: golden.name, steps: golden.steps))
    let tables = [
      ("betas", schedule.beta), ("alphas_cumprod", schedule.signal),
      ("posterior_variance", schedule.variance),
    ]
    for (name, table) in tables {
      let expected = try fixture.floats(golden.prefix + name)
      #expect(distance(table, expected) <= 1e-6, "\(name)")
    }
  }

  @Test("c₁ and c₂ follow from the published β to 1e-6", arguments: try Self.goldens())
  func coefficients(golden: Golden) throws {
    let fixture = try Fixture(named: "schedules")
    let schedule = try NoiseSchedule(beta: fixture.floats(golden.prefix + "betas"))
    let clean = try fixture.floats(golden.prefix + "posterior_mean_coef1")
    let noisy = try fixture.floats(golden.prefix + "posterior_mean_coef2")
    #expect(distance(schedule.cleanWeight, clean) <= 1e-6)
    #expect(distance(schedule.noisyWeight, noisy) <= 1e-6)
  }

  /// A last bit of β or ᾱ moves c₁ and c₂ by 2⁻²³ / (1 − ᾱ), more than 1e-6 at small t, and
  /// PyTorch's vectorised cosine and exponential are not always rounded as ours are.
  @Test("c₁ and c₂ agree to 1e-6, or the last bits of β and ᾱ", arguments: try Self.goldens())
  func named(golden: Golden) throws {
    let fixture = try Fixture(named: "schedules")
    let schedule = try NoiseSchedule(.init(name: golden.name, steps: golden.steps))
    let clean = try fixture.floats(golden.prefix + "posterior_mean_coef1")
    let noisy = try fixture.floats(golden.prefix + "posterior_mean_coef2")
    let isRounded = [.cosine, .exp].contains(golden.name)
    for t in 0..<golden.steps {
      let lastBit = isRounded ? 0x1p-22 / (1 - schedule.signal[t]) : 0
      #expect(abs(schedule.cleanWeight[t] - clean[t]) <= 1e-6 + lastBit, "t = \(t)")
      #expect(abs(schedule.noisyWeight[t] - noisy[t]) <= 1e-6 + lastBit, "t = \(t)")
    }
  }
}
