import Events
import TestSupport

/// The messages of a run, the same for a seed: clicks, and one in a hundred that is none.
struct Load {
  /// What a worker is told of events, so that its limits can be overstepped.
  static let maxEventBytes = 1_000

  private var generator: SeededGenerator
  private let users: Int
  private var made = 0
  private var nowMs: Int64 = 1_700_000_000_000
  private var lastID: [Int: String] = [:]

  init(seed: UInt64, users: Int) {
    generator = SeededGenerator(seed: seed)
    self.users = users
  }

  mutating func next() -> (key: [UInt8]?, value: [UInt8]?) {
    made += 1
    nowMs += Int64.random(in: 0...20, using: &generator)
    // Few users do much, and many little.
    let share = Double.random(in: 0..<1, using: &generator)
    let user = Int(share * share * Double(users))
    let key = Array("u\(user)".utf8)
    switch Int.random(in: 0..<10_000, using: &generator) {
    case ..<100: return poison(key)
    case ..<120: return (key, nil)
    default: return (key, click(user))
    }
  }

  private mutating func click(_ user: Int) -> [UInt8] {
    let isUnknown = Int.random(in: 0..<100, using: &generator) == 0
    let isLate = Int.random(in: 0..<50, using: &generator) == 0
    var id = "e\(made)"
    if Int.random(in: 0..<50, using: &generator) == 0, let last = lastID[user] { id = last }
    lastID[user] = id
    return ClickEncoder.encode(
      user: "u\(user)",
      item: isUnknown ? "unheard" : "i\(Int.random(in: 0..<50, using: &generator))",
      timestampMs: isLate ? nowMs - Int64.random(in: 0...60_000, using: &generator) : nowMs,
      eventID: id,
      type: nil
    )
  }

  private mutating func poison(_ key: [UInt8]) -> (key: [UInt8]?, value: [UInt8]?) {
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: return (key, text(#"{"user_id":"#))
    case 1: return (nil, nil)
    case 2: return (key, text("{\"user_id\":\"" + String(repeating: "x", count: 1_200) + "\"}"))
    case 3: return (key, text(#"{"user_id":"u","item_id":""#) + [0xFF] + text(#""}"#))
    case 4: return (key, text(#"{"user_id":"u"}"#))
    default: return (key, text(#"{"user_id":5,"item_id":"i1"}"#))
    }
  }
}
