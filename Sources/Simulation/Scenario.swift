internal import Sessions

/// What a seed's world is like, before anything happens in it.
///
/// Each seed draws which kinds of faults there are at all, and how often: bugs hide behind faults
/// that end a run before the one that would show them.
struct Scenario {
  static let topic = "clicks"
  static let sessionTimeoutMs: Int64 = 10_000
  static let rebalanceTimeoutMs: Int64 = 15_000
  static let maxPollIntervalMs: Int64 = 30_000
  static let transactionTimeoutMs: Int64 = 6_000
  static let fatalAfterMs: Int64 = 60_000
  static let largestBatch = 8

  let isTransactional: Bool
  let isCooperative: Bool
  let partitions: Int
  let users: Int
  let events: Int
  /// How many of them erase their user.
  let erasures: Double
  let workers: Int
  /// Steps in which things go wrong.
  let steps: Int
  let rates: [Fault: Double]
  let limits: SessionLimits

  init(mode: Simulation.Mode, dice: inout Dice) {
    isTransactional = mode == .exactlyOnce
    isCooperative = dice.chance(0.6)
    partitions = dice.roll(1...4)
    users = dice.roll(2...6)
    events = dice.roll(40...120)
    erasures = [0.02, 0.1, 0.4][dice.roll(0...2)]
    workers = dice.roll(1...3)
    steps = dice.roll(40...160)
    var rates: [Fault: Double] = [:]
    let severity = [0.3, 1, 2][dice.roll(0...2)]
    for fault in Fault.allCases {
      // Drawn whether or not it counts, so that a new fault changes no other's rate.
      let (isThere, share) = (dice.chance(0.65), Double(dice.roll(25...200)) / 100)
      rates[fault] = isThere ? fault.usualRate * share * severity : 0
    }
    self.rates = rates
    limits = SessionLimits(
      maxLength: dice.roll(2...5),
      // One batch is open at most.
      slack: Self.largestBatch,
      latenessMs: 10_000,
      timeToLiveMs: 1 << 40
    )
  }
}

/// What may happen to a call of one of the pipeline's ends.
enum Fault: String, CaseIterable {
  /// The worker ends there and then.
  case crash
  /// The call fails, and nothing has come of it.
  case unsent
  /// The call fails, and everything has come of it.
  case unanswered
  /// The call fails, and what it should have done happens later.
  case late
  /// The worker stands still, and everything else goes on.
  case frozen
  /// The call takes long.
  case slow
  /// The session store has forgotten whose a partition is.
  case unclaimed
  /// Some users' sessions are written, and then the store does not answer.
  case partial

  /// How often it happens in a hundred calls or so.
  var usualRate: Double {
    switch self {
    case .crash: 0.006
    case .unsent, .unanswered, .late: 0.02
    case .frozen: 0.015
    case .slow: 0.02
    case .unclaimed: 0.01
    case .partial: 0.03
    }
  }
}
