internal import CVector

/// What may be among the K best by scores that are off by a margin at most.
struct Shortlist: Sendable {
  typealias Scores = RoundedTile.Scores
  /// What no score is: that of an item that is not to be found.
  static let hidden = Int16.min

  /// Panels that room is made for at once.
  private static let run = 16

  private var k = 0
  private var precision = RoundedQuery.Precision(unit: 1, margin: 0)
  /// What was found, the score above the item's 32 bits: the first ``count``, others are room.
  private var found: [Int64] = []
  private var count = 0
  private var maxima: [Scores] = []
  /// How many there may be above the bar.
  private var limit = 0
  /// With as many, what has fallen below the bar is let go of.
  private var full = 0
  /// Whether there were more: then nothing is known of the best.
  private(set) var isOverfull = false
  /// The K-th best score when it was last looked for.
  private var first = hidden
  /// What does not exceed this is not among the K best.
  private var bar = hidden

  /// Forgets everything, and looks for the `k` best from now on; where scores tell nothing, it is
  /// overfull at once.
  mutating func begin(_ k: Int, _ precision: RoundedQuery.Precision?, limit: Int) {
    self.k = k
    if let precision { self.precision = precision }
    self.limit = limit
    count = 0
    full = 8 * k
    isOverfull = precision == nil
    bar = k > 0 ? Self.hidden : .max
  }

  /// Takes the scores of the items from `first` on.
  mutating func take(_ offered: Span<Scores>, from first: Int) {
    if isOverfull || k == 0 { return }
    if count < k { beginBar(offered) }
    for start in stride(from: 0, to: offered.count, by: Self.run) {
      if count + 32 * Self.run > found.count {
        found.resize(to: count + count / 4 + 32 * Self.run, filling: 0)
      }
      pick(offered, start..<min(start + Self.run, offered.count), from: first)
    }
    if count > full { sift() }
  }

  /// Adds what exceeds the bar in some panels, for which there is room.
  private mutating func pick(_ offered: Span<Scores>, _ panels: Range<Int>, from first: Int) {
    let (bars, scores) = (Scores(repeating: bar), unsafe offered.bytes)
    precondition(panels.upperBound <= offered.count && count + 32 * panels.count <= found.count)
    var place = count
    var room = found.mutableSpan
    for panel in panels {
      var lanes = vector_above(offered[panel], bars)
      // The first is written whether it is one or not, for most branches on it would be missed.
      repeat {
        let lane = 32 &* panel &+ lanes.trailingZeroBitCount & 31
        let score = unsafe scores.unsafeLoad(fromUncheckedByteOffset: 2 &* lane, as: Int16.self)
        room[place] = Int64(score) << 32 | Int64(first &+ lane)
        place &+= lanes == 0 ? 0 : 1
        lanes &= lanes &- 1
      } while lanes != 0
    }
    count = place
  }

  /// Writes the K best by these scores, and what is no worse.
  func writeFirst(into items: inout [Int32]) { write(Int32(first)..<Int32.max, into: &items) }

  /// Writes the others that may be among the K best, the K-th of which scores `kth` at least.
  func writeRest(kth: Float, into items: inout [Int32]) {
    let least = (Double(kth) / precision.unit - Double(precision.margin) / 2).rounded(.down) - 1
    let bar = Int32(min(max(Double(bar) + 1, least), Double(first)))
    write(bar..<Int32(first), into: &items)
  }

  private func write(_ scores: Range<Int32>, into items: inout [Int32]) {
    items.removeAll(keepingCapacity: true)
    for place in 0..<count where scores.contains(Int32(truncatingIfNeeded: found[place] >> 32)) {
      items.append(Int32(truncatingIfNeeded: found[place]))
    }
  }

  /// Lets go of all that is not among the K best.
  mutating func finish() {
    if !isOverfull { sift() }
  }

  /// A bar from the best of some hundred parts of what is offered: a K-th best is no better.
  private mutating func beginBar(_ offered: Span<Scores>) {
    let parts = min(offered.count, k / 2 + 1)
    maxima.removeAll(keepingCapacity: true)
    for part in 0..<parts {
      var greatest = offered[part]
      for panel in stride(from: part + parts, to: offered.count, by: parts) {
        greatest = vector_greater(greatest, offered[panel])
      }
      maxima.append(greatest)
    }
    raise(
      to: Self.greatest(k) { bar in
        let bars = Scores(repeating: bar)
        return maxima.reduce(0) { $0 + vector_above($1, bars).nonzeroBitCount }
      }
    )
  }

  /// Lets go of what is not among the K best.
  private mutating func sift() {
    first = kth()
    raise(to: first)
    let (above, all) = (Int64(bar) << 32 | 0xFFFF_FFFF, count)
    var room = found.mutableSpan
    var kept = 0
    for place in 0..<all where room[place] > above {
      room[kept] = room[place]
      kept += 1
    }
    count = kept
    full = 2 * kept + 8 * k
    isOverfull = kept > limit
  }

  /// The K-th best score found.
  private func kth() -> Int16 {
    let found = found.span.extracting(0..<count)
    return Self.greatest(k) { bar in
      let above = Int64(bar) << 32 | 0xFFFF_FFFF
      var sum: Int64 = 0
      // The sign of the difference, for a branch would go either way.
      for place in found.indices { sum &-= (above &- found[place]) >> 63 }
      return Int(sum)
    }
  }

  private mutating func raise(to score: Int16) {
    let low = Int32(score) - precision.margin - 1
    bar = max(bar, Int16(clamping: low))
  }

  /// The K-th best score, by halving: `count` says how many exceed one.
  private static func greatest(_ k: Int, _ count: (Int16) -> Int) -> Int16 {
    var (low, high) = (Int(Int16.min), Int(Int16.max))
    while low < high {
      let middle = (low + high) >> 1
      if count(Int16(middle)) >= k { low = middle + 1 } else { high = middle }
    }
    return Int16(low)
  }
}
