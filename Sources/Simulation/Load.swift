internal import Events

/// The topic of clicks: what there will be in it, and how much of it there is yet.
struct Load {
  /// By partition, in the order of the log; offsets have gaps, as control records leave them.
  private(set) var records: [[Record]]
  private(set) var visible: [Int]

  private var dice: Dice
  private var sentMs: [Int64]

  /// Everything that happens is drawn from `dice`.
  init(_ scenario: Scenario, dice: Dice) {
    self.dice = dice
    records = Array(repeating: [], count: scenario.partitions)
    visible = Array(repeating: 0, count: scenario.partitions)
    sentMs = Array(repeating: SimulatedClock.startMs, count: scenario.users)
    for number in 0..<scenario.events {
      let user = self.dice.roll(0...(scenario.users - 1))
      append(number, user: user, scenario)
    }
  }

  /// Where the group has to be once everything is done.
  var ends: [Int: Int64] {
    var ends: [Int: Int64] = [:]
    for (partition, log) in records.enumerated() {
      ends[partition] = log.last.map { $0.position.offset + 1 }
    }
    return ends
  }

  var isAllVisible: Bool { visible == records.map(\.count) }

  /// Lets the next records of a partition appear.
  mutating func reveal(_ count: Int, in partition: Int) {
    visible[partition] = min(records[partition].count, visible[partition] + count)
  }

  mutating func revealAll() { visible = records.map(\.count) }

  /// What a reader gets from an offset on.
  func read(_ partition: Int, from offset: Int64, max: Int) -> ArraySlice<Record> {
    let log = records[partition][..<visible[partition]]
    let start = log.firstIndex { $0.position.offset >= offset } ?? log.endIndex
    return log[start...].prefix(max)
  }

  private mutating func append(_ number: Int, user: Int, _ scenario: Scenario) {
    let partition = user % scenario.partitions
    let last = records[partition].last?.position.offset ?? -1
    let offset = last + (dice.chance(0.1) ? 2 : 1)
    sentMs[user] += Int64(dice.roll(0...2_000))
    let (key, value) = content(number, user: user, scenario)
    records[partition].append(
      Record(
        position: Position(topic: Scenario.topic, partition: Int32(partition), offset: offset),
        key: key.map { Array($0.utf8) },
        value: value.map { Array($0.utf8) },
        timestampMs: sentMs[user],
        headers: [Header("traceparent", "00-\(number)")]
      )
    )
  }

  private mutating func content(
    _ number: Int,
    user: Int,
    _ scenario: Scenario
  ) -> (key: String?, value: String?) {
    let name = "u\(user)"
    if dice.chance(scenario.erasures) { return (name, nil) }
    if dice.chance(0.06) {
      let poison = ["{", "[]", #"{"user_id":"\#(name)"}"#, #"{"user_id":"x","item_id":"i1"}"#, ""]
      return (name, dice.pick(poison))
    }
    // Now and then late, sometimes too late.
    let age = dice.chance(0.25) ? Int64(dice.roll(0...15_000)) : 0
    var fields = [
      #""user_id":"\#(name)""#,
      // The model knows i0 to i5.
      #""item_id":"i\#(dice.roll(0...7))""#,
      #""timestamp":\#(sentMs[user] - age)"#,
    ]
    // Few ids, so that some come twice.
    if dice.chance(0.5) { fields.append(#""event_id":"e\#(dice.roll(0...(number / 2)))""#) }
    if dice.chance(0.08) { fields.append(#""event_type":"view""#) }
    return (dice.chance(0.9) ? name : nil, "{\(fields.joined(separator: ","))}")
  }
}
