/// The K best of what is offered, and a few more until it is sifted.
///
/// An entry is one number, the greater the better: the bits of the score, turned so that they count
/// as scores do, above those of the item, of which the lower is the better.
struct Shortlist: Sendable {
  private var k = 0
  private var entries: [UInt64] = []
  /// What is no better than this is not among the K best of what is offered in order of items.
  private(set) var bar = Float.infinity

  /// Forgets everything, and looks for the `k` best from now on.
  mutating func begin(_ k: Int) {
    self.k = k
    entries.removeAll(keepingCapacity: true)
    bar = k > 0 ? -.infinity : .infinity
  }

  /// Adds what is better than the bar.
  mutating func add(_ item: Int32, _ score: Float) {
    entries.append(Self.entry(item, score))
    if entries.count >= 2 * k + Self.slack { sift() }
  }

  /// Writes the K best, best first.
  mutating func finish(into list: inout [TopKScan.Entry]) {
    entries.keepFirst(k, by: >)
    entries.sort(by: >)
    for entry in entries {
      list.append(TopKScan.Entry(item: Self.item(entry), score: Self.score(entry)))
    }
  }

  /// Sifting now and then costs less than to keep an order.
  private static let slack = 16

  private mutating func sift() {
    entries.keepFirst(k, by: >)
    if let last = entries.min() { bar = Self.score(last) }
  }

  private static func entry(_ item: Int32, _ score: Float) -> UInt64 {
    let bits = score.bitPattern  // never −0: sums begin with 0
    let ordered = bits ^ (bits >> 31 == 0 ? 1 << 31 : .max)
    return UInt64(ordered) << 32 | UInt64(~UInt32(bitPattern: item))
  }

  private static func score(_ entry: UInt64) -> Float {
    let ordered = UInt32(truncatingIfNeeded: entry >> 32)
    return Float(bitPattern: ordered ^ (ordered >> 31 == 1 ? 1 << 31 : .max))
  }

  private static func item(_ entry: UInt64) -> Int32 {
    Int32(bitPattern: ~UInt32(truncatingIfNeeded: entry))
  }
}
