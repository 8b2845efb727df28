internal import Events
internal import Pipeline
internal import Sessions

/// A world at its end, held against what should have come of its log.
///
/// A suggestion may differ from the oracle's in one case, as ``Session`` says. A later record
/// erased its user, and it was answered again after that: the session it saw is gone by then.
struct Verdict {
  private(set) var violations: [String] = []

  private let world: World
  private let log: [[Record]]

  /// Judges a world that has settled.
  init(_ world: World) throws(PipelineFailure) {
    self.world = world
    log = world.load.records
    let oracle = try Oracle(
      log.flatMap(\.self),
      recommender: world.recommender,
      limits: world.scenario.limits
    )
    try judge(oracle, isDeadLetters: false)
    try judge(oracle, isDeadLetters: true)
    compare(oracle.sessions)
    if world.broker.group.committed.filter({ $0.value > 0 }) != world.load.ends {
      violations.append("committed is \(world.broker.group.committed), not \(world.load.ends)")
    }
    if world.broker.hasOpenTransactions { violations.append("a transaction is left open") }
  }

  /// Whom a message is about: the order is kept for each key.
  private typealias Key = [UInt8]

  private mutating func judge(_ oracle: Oracle, isDeadLetters: Bool) throws(PipelineFailure) {
    var expected: [Key: [(record: Record, message: Message)]] = [:]
    for (record, outcome) in oracle.outcomes {
      guard case .message(let message) = outcome,
        (message.destination == .deadLetters) == isDeadLetters
      else { continue }
      expected[message.key ?? [], default: []].append((record, message))
    }
    var published: [Key: [Message]] = [:]
    for (place, log) in world.broker.logs where place.isDeadLetters == isDeadLetters {
      for message in log.committed { published[message.key ?? [], default: []].append(message) }
    }
    for key in Set(expected.keys).union(published.keys).sorted(by: {
      $0.lexicographicallyPrecedes($1)
    }) {
      try judge(published[key] ?? [], against: expected[key] ?? [])
    }
  }

  /// Finds for each message of one key which record it answers, and looks at their order.
  private mutating func judge(
    _ published: [Message],
    against expected: [(record: Record, message: Message)]
  ) throws(PipelineFailure) {
    var times = Array(repeating: 0, count: expected.count)
    var nulls = 0
    var furthest = -1
    for message in published {
      guard let value = message.value else {
        nulls += 1
        continue
      }
      guard let index = try index(of: message, in: expected) else {
        violations.append("nobody asked for \(String(decoding: value.prefix(200), as: UTF8.self))")
        continue
      }
      times[index] += 1
      if times[index] > 1 { continue }
      if index < furthest {
        violations.append(
          "\(name(expected[index].record)) after \(name(expected[furthest].record))"
        )
      }
      furthest = index
    }
    let erasures = expected.count { $0.message.value == nil }
    if nulls < erasures || (world.scenario.isTransactional && nulls > erasures) {
      violations.append("\(nulls) erasures published, not \(erasures)")
    }
    for (index, one) in expected.enumerated() where one.message.value != nil {
      if times[index] == 0 { violations.append("\(name(one.record)): nothing was published") }
      if times[index] > 1, world.scenario.isTransactional {
        violations.append("\(name(one.record)): published \(times[index]) times")
      }
    }
  }

  private func index(
    of message: Message,
    in expected: [(record: Record, message: Message)]
  ) throws(PipelineFailure) -> Int? {
    if message.destination == .deadLetters {
      return expected.firstIndex { $0.message == message }
    }
    if let index = expected.firstIndex(where: { $0.message.value == message.value }) {
      return index
    }
    guard let value = message.value,
      let position = try? SuggestionDecoder.decode(value).source.position,
      let index = expected.firstIndex(where: { $0.record.position == position })
    else { return nil }
    world.trace.count("answered after an erasure")
    return try mayDiffer(value, at: index, in: expected) ? index : nil
  }

  /// Whether a suggestion is one that may be given again after its user was erased: from what was
  /// folded since, from wherever reading began again, or from nothing.
  private func mayDiffer(
    _ value: [UInt8],
    at index: Int,
    in expected: [(record: Record, message: Message)]
  ) throws(PipelineFailure) -> Bool {
    let record = expected[index].record
    guard expected[index...].contains(where: { $0.message.value == nil }) else { return false }
    let before = log[Int(record.position.partition)]
      .filter { $0.position.offset <= record.position.offset }
    for forgets in [false, true] {
      // Reading begins again no further back than a batch; a few more do no harm.
      for start in before.indices {
        let oracle = try Oracle(
          Array(before[start...]),
          recommender: world.recommender,
          limits: world.scenario.limits,
          forgets: forgets
        )
        if case .message(let message)? = oracle.outcomes.last?.outcome, message.value == value {
          return true
        }
        if forgets { break }
      }
    }
    return false
  }

  private mutating func compare(_ expected: [String: Session]) {
    let found = world.store.server.sessions
    for user in Set(expected.keys).union(found.keys).sorted() where expected[user] != found[user] {
      violations.append(
        "session of \(user) is \(text(found[user])), not \(text(expected[user]))"
      )
    }
  }

  private func text(_ session: Session?) -> String {
    session.map { "\($0)" } ?? "empty"
  }

  private func name(_ record: Record) -> String {
    "\(record.position.home)@\(record.position.offset)"
  }
}
