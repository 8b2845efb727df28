internal import CAllocations

/// How long one kind of work took, call after call.
package struct Measurement: Codable, Equatable, Sendable {
  package let work: String
  /// What it was measured with, such as `batch` → `64`.
  package let settings: [String: String]
  /// What a call does, and how many of them: users, queries, clicks, bytes.
  package let unit: String
  package let perCall: Int
  package let calls: Int
  /// Microseconds of a call.
  package let p50: Double
  package let p99: Double
  /// Units a second, by the median call.
  package let perSecond: Double
  /// How often a unit allocates memory; `nil` if nobody counts.
  package let allocations: Double?

  /// Microseconds of a unit, by the median call.
  package var cost: Double { p50 / Double(perCall) }

  /// Sums up calls by how many microseconds each took; there is one at least.
  package init(
    _ work: String,
    _ settings: [String: String],
    unit: String,
    perCall: Int,
    microseconds: [Double],
    allocations: Double? = nil
  ) {
    let times = microseconds.sorted()
    self.work = work
    self.settings = settings
    self.unit = unit
    self.perCall = perCall
    calls = times.count
    p50 = times[times.count / 2]
    p99 = times[times.count * 99 / 100]
    perSecond = Double(perCall) / p50 * 1e6
    self.allocations = allocations
  }
}

/// Takes the time of work, over and over for a while.
package struct Stopwatch: Sendable {
  private static let leastCalls = 5
  /// How long each work is repeated.
  package var seconds: Double

  package init(seconds: Double) { self.seconds = seconds }

  /// Measures what `body` does, after a call that does not count; one more counts allocations.
  package func measure(
    _ work: String,
    _ settings: [String: String] = [:],
    unit: String,
    perCall: Int,
    _ body: () throws -> Void
  ) rethrows -> Measurement {
    let clock = ContinuousClock()
    try body()
    var times: [Double] = []
    let start = clock.now
    while times.count < Self.leastCalls || clock.now - start < .seconds(seconds) {
      times.append(try clock.measure(body) / .microseconds(1))
    }
    let made = try Self.allocations.map { before in
      try body()
      return (Self.allocations ?? before) - before
    }
    return Measurement(
      work,
      settings,
      unit: unit,
      perCall: perCall,
      microseconds: times,
      allocations: made.map { Double($0) / Double(perCall) }
    )
  }

  /// How often memory was allocated so far; `nil` if nobody counts, as deploy/allocations.c does.
  static var allocations: Int? {
    let count = allocations_so_far()
    return count < 0 ? nil : count
  }
}
