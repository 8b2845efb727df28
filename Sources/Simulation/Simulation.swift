package import Pipeline

/// The whole pipeline in one process, over ends that fail as a seed has it.
///
/// Broker, group, transactions, session store and clock are models; the pipeline between them is
/// the one that serves. The same seed gives the same run, step by step.
package struct Simulation: Sendable {
  /// What is promised of each click.
  package enum Mode: String, CaseIterable, Sendable {
    case exactlyOnce = "exactly-once"
    case atLeastOnce = "at-least-once"
  }

  /// A mistake made on purpose, which the simulation has to find.
  package enum Bug: String, CaseIterable, Sendable {
    /// Offsets are committed before what they stand for is published.
    case commitBeforePublish = "commit-before-publish"
    /// Sessions do not remember which records they have seen.
    case markNotStored = "mark-not-stored"
    /// The session store lets everybody write, whoever has claimed since.
    case epochNotChecked = "epoch-not-checked"
    /// A worker goes on over a new connection to the session store as if it were the old one.
    case reconnectsUnnoticed = "reconnects-unnoticed"
    /// A producer that gave offsets up goes on, though they may arrive in its next transaction.
    case lateOffsetsAborted = "late-offsets-aborted"
  }

  package struct Options: Sendable {
    package var mode = Mode.exactlyOnce
    package var bug: Bug?
    /// Whether everything that happens is told.
    package var isTraced = false

    package init() {}
  }

  /// How a run ended.
  package struct Outcome: Sendable {
    package let seed: UInt64
    /// What was promised and not kept.
    package let violations: [String]
    package let trace: [String]
    /// How often what happened, by name.
    package let counts: [String: Int]
  }

  package let options: Options
  private let recommender: Recommender

  package init(_ options: Options = Options()) throws(RecommenderFailure) {
    self.options = options
    recommender = try SimulatedModel.recommender()
  }

  /// Lives through a seed's world, and judges it.
  package func run(seed: UInt64) -> Outcome {
    let world = World(seed: seed, options: options, recommender: recommender)
    var violations: [String]
    if world.run() {
      do throws(PipelineFailure) { violations = try Verdict(world).violations } catch {
        violations = ["the oracle failed: \(error)"]
      }
    } else {
      violations = ["stuck: committed is \(world.broker.group.committed), not \(world.load.ends)"]
    }
    violations += world.complaints
    world.trace.count("transactions expired", world.broker.expired)
    return Outcome(
      seed: seed,
      violations: violations,
      trace: world.trace.lines,
      counts: world.trace.counts
    )
  }
}
