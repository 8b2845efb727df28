package import Events
internal import Glibc

/// Makes up a click stream with something to learn in it, the same for a seed on every machine.
///
/// Items belong to intents. Within an intent they stand in a ring, and a user mostly goes on to one
/// of the next few; now and then the intent drifts to a neighbouring one, and now and then a click
/// is just popular. Popularity follows Zipf's law, and some items appear only late in the stream.
package struct ClickGenerator: Sendable {
  package struct Parameters: Equatable, Sendable {
    package var users = 2_000
    package var items = 1_000
    package var clicks = 40_000
    package var intents = 40
    /// The exponent of Zipf's law.
    package var zipf = 1.0
    /// The chance that a click opens another intent.
    package var drift = 0.05
    /// The chance that a click is on anything popular.
    package var wander = 0.1
    /// The share of items that appear only in the second half.
    package var late = 0.05
    package var startMs: Int64 = 1_735_689_600_000
    package var seed: UInt64 = 1

    package init() {}
  }

  private struct User {
    var intent: Int
    var place: Int
  }

  private let parameters: Parameters
  private var random: SplitMix64
  private var users: [Int: User] = [:]
  private let popularity: Zipf
  private let activity: Zipf
  private var made = 0
  private var nowMs: Int64

  /// Values below 1 where at least 1 is needed are taken as 1.
  package init(_ parameters: Parameters) {
    var parameters = parameters
    parameters.users = max(1, parameters.users)
    parameters.items = max(1, parameters.items)
    parameters.intents = min(max(1, parameters.intents), parameters.items)
    self.parameters = parameters
    random = SplitMix64(seed: parameters.seed)
    popularity = Zipf(count: parameters.items, exponent: parameters.zipf)
    activity = Zipf(count: parameters.users, exponent: 0.5)
    nowMs = parameters.startMs
  }

  /// The next click, or `nil` after the last; times only grow.
  package mutating func next() -> Click? {
    if made == parameters.clicks { return nil }
    defer { made += 1 }
    nowMs += Int64(random.below(2_000))
    let user = activity.draw(&random)
    let item = nextItem(of: user)
    return Click(user: "u\(user)", item: "i\(item)", timestampMs: nowMs, eventID: "g\(made)")
  }

  private mutating func nextItem(of user: Int) -> Int {
    let ring = max(1, parameters.items / parameters.intents)
    var state = users[user] ?? fresh(ring)
    defer { users[user] = state }
    for _ in 0..<8 {
      if random.chance(parameters.drift) {
        let step = random.chance(0.5) ? 1 : parameters.intents - 1
        state.intent = (state.intent + step) % parameters.intents
        state.place = random.below(ring)
      }
      state.place = (state.place + 1 + random.below(3)) % ring
      let item =
        random.chance(parameters.wander)
        ? popularity.draw(&random) : state.intent + state.place * parameters.intents
      if isOut(item) { return item }
    }
    return state.intent
  }

  /// Users start where the popular items are.
  private mutating func fresh(_ ring: Int) -> User {
    let item = popularity.draw(&random)
    return User(
      intent: item % parameters.intents,
      place: min(item / parameters.intents, ring - 1)
    )
  }

  private func isOut(_ item: Int) -> Bool {
    let isLate = Double(item % 100) < 100 * parameters.late
    return !isLate || 2 * made >= parameters.clicks
  }
}

/// Draws 0 ..< count with a chance that falls as 1 / (rank + 1)^exponent.
private struct Zipf: Sendable {
  private let sums: [Double]

  init(count: Int, exponent: Double) {
    var sum = 0.0
    sums = (1...count).map { rank in
      sum += pow(Double(rank), -exponent)
      return sum
    }
  }

  func draw(_ random: inout SplitMix64) -> Int {
    let target = random.unit() * (sums.last ?? 0)
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > target { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
