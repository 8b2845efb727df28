internal import Events
internal import Pipeline

/// Everything there is in a simulation, and what happens next in it.
///
/// One thread, no real time: workers take turns, and a worker whose call stands still has the turns
/// of the others happen inside that call.
final class World {
  static let deepest = 2

  let scenario: Scenario
  let bug: Simulation.Bug?
  let recommender: Recommender
  let clock = SimulatedClock()
  var dice: Dice
  var load: Load
  var broker: Broker
  var store: StoreHistory
  var trace: Trace
  /// What went wrong that should not have.
  var complaints: [String] = []
  /// Since when nothing goes wrong any more.
  var calmSinceMs: Int64?
  var isCalm: Bool { calmSinceMs != nil }
  /// By dependency, until when nothing reaches it.
  var outages: [PipelineFailure.Dependency: Int64] = [:]
  /// Until when producers take nothing more.
  var queuesFullUntilMs: Int64 = 0
  var workers: [any Working] = []
  var started = 0
  /// Requests that nobody waits for any more, and when they arrive.
  private var underway: [(dueMs: Int64, effect: () -> Void)] = []
  /// Calls that stand still, each inside the one before.
  var depth = 0

  init(seed: UInt64, options: Simulation.Options, recommender: Recommender) {
    var dice = Dice(seed: seed)
    scenario = Scenario(mode: options.mode, dice: &dice)
    load = Load(scenario, dice: dice.fork())
    broker = Broker(scenario)
    store = StoreHistory(scenario.limits)
    trace = Trace(isKept: options.isTraced)
    bug = options.bug
    self.recommender = recommender
    self.dice = dice.fork()
  }

  var nowMs: Int64 { clock.nowMs }

  func note(_ life: Life? = nil, _ line: @autoclosure () -> String) {
    if !trace.isKept { return }
    trace.append("\(nowMs) \(life.map { "w\($0.number)" } ?? "-") \(line())")
  }

  /// Does what time brings.
  func tick() {
    broker.tick(nowMs: nowMs)
    let nowMs = nowMs
    let due = underway.filter { $0.dueMs <= nowMs }
    underway.removeAll { $0.dueMs <= nowMs }
    for request in due { request.effect() }
  }

  /// Lets a request arrive when its sender has given it up.
  func later(_ effect: @escaping () -> Void) {
    underway.append((nowMs + Int64(dice.roll(1...8_000)), effect))
  }

  /// Whether a producer has no room for another message.
  func isQueueFull() -> Bool { !isCalm && (queuesFullUntilMs > nowMs || strikes(.unsent)) }

  /// Whether a message over the network arrives.
  func isReachable(_ dependency: PipelineFailure.Dependency) -> Bool {
    if isCalm { return true }
    return outages[dependency] ?? 0 <= nowMs && !dice.chance(scenario.rates[.unsent] ?? 0)
  }
}
