internal import Glibc

/// What lists are like, counted one after the other: what ``ListMeasures`` are ratios of.
struct ListTally: Sendable {
  /// By item: how often it was listed.
  private(set) var times: [Int] = []
  private(set) var bits = 0.0
  private(set) var listedClicks = 0.0
  private(set) var historyClicks = 0.0
  private(set) var historyItems = 0
  private(set) var repeated = 0
  private(set) var repeatable = 0
  private(set) var withHistory = 0
  private(set) var lastRepeated = 0
  private(set) var distance = 0.0
  private(set) var distances = 0

  /// Counts a list.
  ///
  /// - Parameters:
  ///   - list: Items of the catalogue, best first.
  ///   - history: What its user had clicked, oldest first; -1 for what is not in the catalogue.
  ///   - clicks: By item: its clicks, in training or so far.
  ///   - total: Their sum.
  ///   - embeddings: The items' vectors; without them there is no distance.
  mutating func add(
    _ list: some Collection<Int32>,
    history: some BidirectionalCollection<Int32>,
    clicks: [Int],
    total: Int,
    embeddings: ItemEmbeddings? = nil
  ) {
    let cut = list.prefix(ListMeasures.cutoff)
    for item in cut where clicks.indices.contains(Int(item)) {
      times.grow(toHold: item, filler: 0)
      times[Int(item)] += 1
      let count = Double(clicks[Int(item)])
      bits -= log2((count + 1) / Double(total + clicks.count))
      listedClicks += count
    }
    if let apart = embeddings?.meanDistance(cut.prefix(ListMeasures.distanceCutoff)) {
      distance += apart
      distances += 1
    }
    guard let last = history.last else { return }
    withHistory += 1
    repeatable += cut.count
    repeated += cut.count { history.contains($0) }
    if cut.first == last { lastRepeated += 1 }
    for item in history where clicks.indices.contains(Int(item)) {
      historyClicks += Double(clicks[Int(item)])
      historyItems += 1
    }
  }
}
