/// What may be among the K best by scores that are off by a margin at most.
struct Shortlist: Sendable {
  private struct Entry {
    let item: Int32
    let score: Int32
  }

  private var k = 0
  private var margin: Int32 = 0
  /// The K best scores, as a heap: none is less than its parent, the one at half its place.
  private var best: [Int32] = []
  private var entries: [Entry] = []
  /// How many there may be above the bar.
  private var limit = 0
  /// Whether there were more: then nothing is known of the best.
  private(set) var isOverfull = false
  /// What does not exceed this is not among the K best.
  private(set) var bar = RoundedQuery.closed

  /// Forgets everything, and looks for the `k` best from now on; without a margin it
  /// is overfull at once.
  mutating func begin(_ k: Int, margin: Int32?) {
    self.k = k
    self.margin = margin ?? 0
    best.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
    limit = max(1_024, 8 * k)
    isOverfull = margin == nil
    bar = k > 0 && margin != nil ? -RoundedQuery.limit : RoundedQuery.closed
  }

  /// Adds what exceeds the bar.
  mutating func add(_ item: Int32, _ score: Int32) {
    entries.append(Entry(item: item, score: score))
    if best.count < k {
      best.append(score)
      rise()
    } else if score > best[0] {
      best[0] = score
      sink()
    }
    if best.count < k { return }
    bar = Int32(max(Int64(best[0]) - Int64(margin) - 1, Int64(-RoundedQuery.limit)))
    if entries.count < 2 * limit { return }
    entries.removeAll { $0.score <= bar }
    if entries.count <= limit { return }
    isOverfull = true
    entries.removeAll(keepingCapacity: true)
    bar = RoundedQuery.closed
  }

  /// Writes what may be among the K best.
  mutating func finish(into items: inout [Int32]) {
    items.removeAll(keepingCapacity: true)
    for entry in entries where entry.score > bar { items.append(entry.item) }
  }

  /// Puts the last score of the heap in its place.
  private mutating func rise() {
    var heap = best.mutableSpan
    var place = heap.count - 1
    let score = heap[place]
    while place > 0, heap[(place - 1) / 2] > score {
      heap[place] = heap[(place - 1) / 2]
      place = (place - 1) / 2
    }
    heap[place] = score
  }

  /// Puts the first score of the heap in its place.
  private mutating func sink() {
    var heap = best.mutableSpan
    var (place, child) = (0, 1)
    let score = heap[0]
    while child < heap.count {
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      if heap[child] >= score { break }
      heap[place] = heap[child]
      (place, child) = (child, 2 * child + 1)
    }
    heap[place] = score
  }
}
