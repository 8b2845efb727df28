import ArgumentParser
import Simulation

/// Runs the pipeline in simulated worlds full of faults.
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the pipeline in simulated worlds where everything goes wrong.",
    discussion: """
      Each seed is a world: workers crash and freeze, answers are lost and late, partitions change \
      hands, the session store loses writes. In the end no click may be lost or applied twice. \
      Prints what each seed has broken, and how often what happened. Ends with 1 if a seed has \
      broken anything, or if a mistake made on purpose shows in none.
      """
  )

  @Option(help: "How many seeds.") var seeds: UInt64 = 1_000
  @Option(help: "The first of them.") var first: UInt64 = 0
  @Option(help: "What is promised: exactly-once or at-least-once.")
  var mode = Simulation.Mode.exactlyOnce
  @Option(help: "Make this mistake on purpose, and stop at the first seed that shows it.")
  var bug: Simulation.Bug?
  @Option(help: "Tell everything that happens with this seed, and run no other.")
  var trace: UInt64?

  func validate() throws {
    if seeds < 1 || first > .max - seeds {
      throw ValidationError("--first \(first) and --seeds \(seeds) name no seeds")
    }
  }

  func run() throws {
    var options = Simulation.Options()
    options.mode = mode
    options.bug = bug
    options.isTraced = trace != nil
    let simulation = try Simulation(options)
    let seeds = trace.map { $0...$0 } ?? first...(first + seeds - 1)
    var (failed, counts) = (0, [String: Int]())
    for seed in seeds {
      let outcome = simulation.run(seed: seed)
      for line in outcome.trace { print(line) }
      counts.merge(outcome.counts, uniquingKeysWith: +)
      if outcome.violations.isEmpty { continue }
      failed += 1
      tell(outcome)
      if bug != nil { break }
    }
    if trace == nil { sumUp(seeds.count, failed, counts) }
    // A mistake made on purpose has to show.
    if (failed > 0) != (bug != nil) { throw ExitCode.failure }
  }

  private func tell(_ outcome: Simulation.Outcome) {
    print("seed \(outcome.seed), which `--mode \(mode.rawValue) --trace \(outcome.seed)` replays:")
    for violation in outcome.violations { print("  \(violation)") }
  }

  private func sumUp(_ seeds: Int, _ failed: Int, _ counts: [String: Int]) {
    if let bug {
      return print(failed > 0 ? "\(bug.rawValue) shows" : "\(bug.rawValue) shows in no seed")
    }
    for (what, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(count)\t\(what)") }
    print("\(seeds)\tseeds, \(failed) of them failed")
  }
}

extension Simulation.Mode: ExpressibleByArgument {}
extension Simulation.Bug: ExpressibleByArgument {}
