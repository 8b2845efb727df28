import Simulation
import Testing

/// The whole pipeline, a thousand times, with everything going wrong that may.
@Suite("Simulation")
struct SimulationTests {
  private static let each = 100
  static let groups = stride(from: 0, to: 1_000, by: each).map { UInt64($0) }

  private func simulation(
    _ mode: Simulation.Mode,
    bug: Simulation.Bug? = nil,
    isTraced: Bool = false
  ) throws -> Simulation {
    var options = Simulation.Options()
    options.mode = mode
    options.bug = bug
    options.isTraced = isTraced
    return try Simulation(options)
  }

  @Test(
    "no click is lost and none applied twice",
    arguments: groups,
    Simulation.Mode.allCases
  )
  func keepsItsPromises(first: UInt64, mode: Simulation.Mode) throws {
    let simulation = try simulation(mode)
    for seed in first..<(first + UInt64(Self.each)) {
      let outcome = simulation.run(seed: seed)
      #expect(
        outcome.violations == [],
        "dreamstream simulate --mode \(mode.rawValue) --trace \(seed)"
      )
    }
  }

  @Test("everything that may go wrong does", arguments: Simulation.Mode.allCases)
  func faults(mode: Simulation.Mode) throws {
    let simulation = try simulation(mode)
    var counts: [String: Int] = [:]
    for seed in 0..<200 as Range<UInt64> {
      counts.merge(simulation.run(seed: seed).counts, uniquingKeysWith: +)
    }
    for kind in [
      "abandoned", "assigned", "crash", "emptied", "expelled", "failovers", "frozen", "late",
      "partial",
      "rebuilds", "redelivered", "slow", "stopped", "unanswered", "unclaimed", "unsent",
    ] {
      #expect(counts[kind, default: 0] > 10, "\(kind)")
    }
  }

  @Test("a seed is the same run every time", arguments: Simulation.Mode.allCases)
  func replays(mode: Simulation.Mode) throws {
    let simulation = try simulation(mode, isTraced: true)
    for seed in 0..<5 as Range<UInt64> {
      let trace = simulation.run(seed: seed).trace
      #expect(trace.count > 100 && trace == simulation.run(seed: seed).trace)
    }
  }

  @Test(
    "mistakes made on purpose are found",
    arguments: Simulation.Bug.allCases,
    Simulation.Mode.allCases
  )
  func finds(bug: Simulation.Bug, mode: Simulation.Mode) throws {
    // Only transactions have offsets that arrive late.
    if bug == .lateOffsetsAborted, mode == .atLeastOnce { return }
    let simulation = try simulation(mode, bug: bug)
    let found = (0..<1_000 as Range<UInt64>).first { !simulation.run(seed: $0).violations.isEmpty }
    #expect(found != nil)
  }
}
