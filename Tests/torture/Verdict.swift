import Events
import Sessions

/// What was published, held against the oracle.
struct Verdict {
  let isOnce: Bool
  private(set) var suggestions = 0
  private(set) var repeated = 0
  private(set) var aborted = 0
  private(set) var open = 0
  private(set) var wrong = 0
  /// Suggestions of a batch that came again after it had erased the user: they rest on nothing from
  /// before, as it should be.
  private(set) var forgotten = 0
  private(set) var misplaced = 0
  private(set) var missing = 0
  private(set) var deadLetters = 0
  private(set) var erasures = 0
  private(set) var sessions = 0
  private(set) var sessionsWrong = 0
  private(set) var examples: [String] = []

  var isGood: Bool {
    wrong + misplaced + missing + open + sessionsWrong == 0 && (!isOnce || repeated == 0)
  }

  private let oracle: Oracle
  private let batch: Int64
  private var seen: [Partition: [Int]]
  private var erased: [String: Int] = [:]
  /// By user, how far its suggestions have come: an order within each partition.
  private var last: [String: Position] = [:]

  init(_ oracle: Oracle, isOnce: Bool, batch: Int) {
    self.oracle = oracle
    self.batch = Int64(batch)
    self.isOnce = isOnce
    seen = oracle.outcomes.mapValues { [Int](repeating: 0, count: $0.count) }
  }

  /// Counts what a reader of committed messages does not see.
  mutating func hide(isAborted: Bool) { if isAborted { aborted += 1 } else { open += 1 } }

  mutating func suggestion(_ record: Record) throws {
    guard let value = record.value else {
      erased[String(decoding: record.key ?? [], as: UTF8.self), default: 0] += 1
      return
    }
    let suggestion = try SuggestionDecoder.decode(value)
    let position = suggestion.source.position
    suggestions += 1
    let due = expected(position)
    if case .suggestion(let right) = due, right != hash(value),
      oracle.isErasedSoon(suggestion.user, after: position, batch: batch)
    {
      forgotten += 1
    } else if due != .suggestion(hash(value)) {
      wrong += 1
      return note("\(position): \(String(decoding: value.prefix(300), as: UTF8.self))")
    }
    if see(position) {
      repeated += 1
      if isOnce { note("\(position) again, at offset \(record.position.offset)") }
      return
    }
    if let before = last[suggestion.user], before.home == position.home,
      before.offset > position.offset
    {
      misplaced += 1
      note("\(suggestion.user): \(position) after \(before)")
    }
    last[suggestion.user] = position
  }

  mutating func deadLetter(_ record: Record) {
    func number(_ name: String) -> Int64? {
      record.headers.first { $0.name == DeadLetter.prefix + name }?.value
        .flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    }
    let topic = oracle.outcomes.keys.first?.topic ?? ""
    deadLetters += 1
    guard let partition = number("partition").flatMap(Int32.init(exactly:)),
      let offset = number("offset")
    else { return wrong += 1 }
    let position = Position(topic: topic, partition: partition, offset: offset)
    let found = hash(letter: record.key, record.value, headers: record.headers)
    if expected(position) != .deadLetter(found) {
      wrong += 1
      return note("dead letter of \(position): \(record.headers)")
    }
    if see(position) { repeated += 1 }
  }

  /// What has not come: every click, erasure and dead letter of the log.
  mutating func close() {
    for (partition, outcomes) in oracle.outcomes {
      for (offset, outcome) in outcomes.enumerated() {
        switch outcome {
        case .nothing, .erasure: continue
        case .suggestion, .deadLetter:
          if seen[partition]?[offset] == 0 {
            missing += 1
            note("\(partition) \(offset): nothing was published")
          }
        }
      }
    }
    closeErasures()
  }

  /// An erasure says whose it is, and not which: each user has as many as in the log.
  private mutating func closeErasures() {
    erasures = erased.values.reduce(0, +)
    for user in Set(erased.keys).union(oracle.erasures.keys).sorted() {
      let (found, due) = (erased[user] ?? 0, oracle.erasures[user]?.count ?? 0)
      if due == 0 { wrong += found } else { repeated += max(0, found - due) }
      missing += max(0, due - found)
      if found != due { note("\(user) was erased \(found) times, not \(due)") }
    }
  }

  /// Compares every session with the oracle's, by asking for the last record of each user again.
  mutating func compare(_ store: some SessionStore) throws {
    var (store, truth) = (store, oracle.sessions)
    let judge = Membership(group: "judge", generation: .max, member: "judge")
    let partitions = Set(oracle.outcomes.keys)
    _ = try store.claim(partitions, for: judge, afresh: [])
    let users = oracle.lastChange.sorted { $0.key < $1.key }
    for start in stride(from: 0, to: users.count, by: 500) {
      let batch = users[start..<min(start + 500, users.count)]
        .map { UserChanges(user: $0.key, changes: [$0.value]) }
      for (one, views) in zip(batch, zip(try store.apply(batch), try truth.apply(batch))) {
        sessions += 1
        if views.0 != views.1 {
          sessionsWrong += 1
          note("session of \(one.user): \(views.0), not \(views.1)")
        }
      }
    }
  }

  private func expected(_ position: Position) -> Oracle.Outcome? {
    guard let outcomes = oracle.outcomes[position.home],
      outcomes.indices.contains(Int(position.offset))
    else { return nil }
    return outcomes[Int(position.offset)]
  }

  /// Whether it was seen before.
  private mutating func see(_ position: Position) -> Bool {
    seen[position.home]?[Int(position.offset)] += 1
    return seen[position.home]?[Int(position.offset)] ?? 0 > 1
  }

  private mutating func note(_ example: String) {
    if examples.count < 8 { examples.append(example) }
  }
}
