internal import Glibc

/// What the lists of one recommender are like, counted while a stream passes.
///
/// As ``ListMeasures`` has them, but with the clicks up to then where that speaks of all.
struct ListTally: Sendable {
  /// By item: how often it was listed.
  private var times: [Int] = []
  private var listed = 0
  private var bits = 0.0
  private var listedClicks = 0.0
  private var historyClicks = 0.0
  private var historyItems = 0
  private var repeated = 0
  private var withHistory = 0
  private var lastRepeated = 0

  /// Counts a list.
  ///
  /// - Parameters:
  ///   - list: What was suggested, best first.
  ///   - history: What its user had clicked.
  ///   - clicks: By item: its clicks so far.
  ///   - total: Their sum.
  mutating func add(_ list: [Int32], history: [Int32], clicks: [Int], total: Int) {
    let all = Double(total + clicks.count)
    for item in list.prefix(ListMeasures.cutoff) {
      times.grow(toHold: item, filler: 0)
      times[Int(item)] += 1
      listed += 1
      let count = clicks.indices.contains(Int(item)) ? Double(clicks[Int(item)]) : 0
      bits -= log2((count + 1) / all)
      listedClicks += count
      if history.contains(item) { repeated += 1 }
    }
    for item in history where clicks.indices.contains(Int(item)) {
      historyClicks += Double(clicks[Int(item)])
      historyItems += 1
    }
    withHistory += 1
    if let first = list.first, first == history.last { lastRepeated += 1 }
  }

  /// The measures over a catalogue of so many items.
  func measures(items: Int) -> StreamReport.Lists {
    let all = times + repeatElement(0, count: max(0, items - times.count))
    var weighted = 0.0
    for (index, count) in all.sorted().enumerated() {
      weighted += Double(2 * index + 1 - all.count) * Double(count)
    }
    let usual = historyItems > 0 ? historyClicks / Double(historyItems) : 0
    return StreamReport.Lists(
      coverage: all.isEmpty ? 0 : Double(all.count { $0 > 0 }) / Double(all.count),
      gini: listed > 0 && all.count > 1
        ? weighted / (Double(all.count - 1) * Double(listed)) : nil,
      novelty: listed > 0 ? bits / Double(listed) : nil,
      repeatRate: listed > 0 ? Double(repeated) / Double(listed) : nil,
      lastRepeatRate: withHistory > 0 ? Double(lastRepeated) / Double(withHistory) : nil,
      popularityLift: listed > 0 && usual > 0 ? listedClicks / Double(listed) / usual : nil
    )
  }
}
