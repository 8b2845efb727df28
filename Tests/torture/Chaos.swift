import Foundation
import Glibc
import KafkaProxy
import TestSupport

/// One kind of thing that goes wrong.
enum Trouble: String, CaseIterable {
  case kill = "worker killed"
  case terminate = "worker asked to end"
  case freeze = "worker frozen beyond its session"
  case nap = "worker frozen for a moment"
  case redisKill = "Redis killed, its log kept"
  case redisLoss = "Redis killed, everything lost"
  case redisRegress = "Redis killed, its latest writes lost"
  case redisFreeze = "Redis frozen"
  case brokerFreeze = "broker frozen"
  case cut = "all connections cut"
  case lost = "requests or answers lost"
  case delayed = "requests or answers delayed"
  case endLost = "answers to EndTxn lost"

  /// How often, relative to the others.
  var weight: Int {
    switch self {
    case .kill, .lost: 8
    case .endLost: 6
    case .terminate, .delayed, .nap: 4
    case .freeze, .cut, .redisFreeze: 3
    case .brokerFreeze, .redisKill, .redisRegress: 2
    case .redisLoss: 1
    }
  }
}

/// Makes things go wrong, one after the other, as a seed says.
final class Chaos {
  private static let apis: [KafkaAPI] = [
    .produce, .fetch, .metadata, .offsetFetch, .offsetCommit, .findCoordinator, .joinGroup,
    .heartbeat, .syncGroup, .initProducerID, .addPartitionsToTransaction,
    .addOffsetsToTransaction, .endTransaction, .transactionalOffsetCommit,
  ]

  let fleet: Fleet
  let redis: RedisServer
  /// Somebody else's broker is left in peace.
  let broker: BrokerProcess?
  let sessionSeconds: Double
  private(set) var done: [Trouble: Int] = [:]
  /// What was not as it should be.
  private(set) var complaints: [String] = []
  private(set) var slowestEnd = 0.0
  private let without: [String]
  private var generator: SeededGenerator

  init(
    seed: UInt64,
    without: [String],
    fleet: Fleet,
    redis: RedisServer,
    broker: BrokerProcess?,
    sessionSeconds: Double
  ) {
    self.fleet = fleet
    self.without = without
    self.redis = redis
    self.broker = broker
    self.sessionSeconds = sessionSeconds
    generator = SeededGenerator(seed: seed ^ 0xC4A0)
  }

  /// Does one thing, and gives the others some time to get over it.
  func step() throws -> Trouble {
    let possible = Trouble.allCases.filter { trouble in
      (broker != nil || !trouble.isOfBroker) && !without.contains { trouble.rawValue.contains($0) }
    }
    let pool = possible.flatMap { Array(repeating: $0, count: $0.weight) }
    let trouble = pool.randomElement(using: &generator) ?? .kill
    done[trouble, default: 0] += 1
    try make(trouble)
    Thread.sleep(forTimeInterval: Double.random(in: 0.3...3, using: &generator))
    for status in try fleet.revive() where status != 69 {
      complaints.append("a worker ended by itself with \(status)")
    }
    return trouble
  }

  private func make(_ trouble: Trouble) throws {
    let worker = Int.random(in: 0..<fleet.count, using: &generator)
    switch trouble {
    case .kill: try fleet.kill(worker)
    case .terminate:
      let (status, seconds) = fleet.terminate(worker)
      slowestEnd = max(slowestEnd, seconds)
      // 69 is honest where what it depends on is away.
      if status != 0, status != 69 {
        complaints.append("a worker that was asked ended with \(status)")
      }
      try fleet.start(worker)
    case .freeze: sleep(1.2...1.8, of: { fleet.signal(worker, $0) }, times: sessionSeconds)
    case .nap: sleep(0.2...2, of: { fleet.signal(worker, $0) })
    case .redisKill, .redisLoss:
      redis.kill()
      Thread.sleep(forTimeInterval: Double.random(in: 0...2, using: &generator))
      if trouble == .redisLoss { redis.forgetAll() }
      try redis.restart()
    case .redisRegress:
      try redis.remember()
      Thread.sleep(forTimeInterval: Double.random(in: 0...2, using: &generator))
      try redis.killAndForget()
      try redis.restart()
    case .redisFreeze: sleep(0.5...4, of: { $0 == SIGSTOP ? redis.pause() : redis.resume() })
    case .brokerFreeze: sleep(0.5...4, of: { $0 == SIGSTOP ? broker?.pause() : broker?.resume() })
    case .cut: broker?.proxy.cutAll()
    case .lost, .delayed: inject(trouble)
    case .endLost: broker?.proxy.inject(.dropAnswer, .endTransaction)
    }
  }

  private func sleep(
    _ range: ClosedRange<Double>,
    of signal: (Int32) -> Void,
    times unit: Double = 1
  ) {
    signal(SIGSTOP)
    Thread.sleep(forTimeInterval: unit * Double.random(in: range, using: &generator))
    signal(SIGCONT)
  }

  private func inject(_ trouble: Trouble) {
    let api = Self.apis.randomElement(using: &generator) ?? .produce
    let ms = Int.random(in: 100...4_000, using: &generator)
    let isRequest = Bool.random(using: &generator)
    let fault: Fault =
      switch (trouble, isRequest) {
      case (.lost, true): .dropRequest
      case (.lost, false): .dropAnswer
      case (_, true): .delayRequest(ms: ms)
      case (_, false): .delayAnswer(ms: ms)
      }
    broker?.proxy.inject(fault, api, times: Int.random(in: 1...3, using: &generator))
  }
}

extension Trouble {
  fileprivate var isOfBroker: Bool {
    [.brokerFreeze, .cut, .lost, .delayed, .endLost].contains(self)
  }
}
