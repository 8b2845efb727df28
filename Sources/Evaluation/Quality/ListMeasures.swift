internal import Glibc

/// What all lists of one recommender are like together, whether or not they are right.
///
/// The lists L are cut at `cutoff`; n is the number of catalogue items, m_i how often item i is
/// listed, c_i its training clicks, and C their sum. What nothing is known of is `nil`.
package struct ListMeasures: Codable, Equatable, Sendable {
  package static let cutoff = 20
  /// How many items of a list are compared with each other.
  package static let distanceCutoff = 10

  /// The share of the catalogue that is listed at all: |{i : m_i > 0}| / n (Ge et al., 2010).
  package let coverage: Double
  /// How unevenly items are listed: Σ_j (2j − n − 1) m_(j) / ((n − 1) Σ m) with m_(1) ≤ … ≤ m_(n);
  /// 0 if all alike, 1 if it is always the same item (Shani and Gunawardana, 2011).
  package private(set) var gini: Double?
  /// How rare listed items are, in bits: the mean of −log₂((c_i + 1) / (C + n)) (Zhou et al., 2010,
  /// with one click added to each item so that cold ones count).
  package private(set) var novelty: Double?
  /// The share of listed items that are in the history, over the examples that have one (Li et al.,
  /// 2023).
  package private(set) var repeatRate: Double?
  /// The share of examples with a history whose first listed item is the latest click.
  package private(set) var lastRepeatRate: Double?
  /// The mean c_i of listed items over the mean c_i of the items of histories; above 1 the popular
  /// are pushed (after Abdollahpouri et al., 2019, who take the ratio less 1).
  package private(set) var popularityLift: Double?
  /// The mean over lists of the mean of 1 − cosine over the pairs of their first ten items (Smyth
  /// and McClave, 2001).
  package private(set) var intraListDistance: Double?

  enum CodingKeys: String, CodingKey {
    case coverage, gini, novelty
    case repeatRate = "repeat_rate"
    case lastRepeatRate = "last_repeat_rate"
    case popularityLift = "popularity_lift"
    case intraListDistance = "intra_list_distance"
  }

  /// - Parameters:
  ///   - answers: One for each example.
  ///   - facts: The examples.
  ///   - embeddings: The items' vectors; without them there is no distance.
  package init(_ answers: Answers, _ facts: ExampleFacts, embeddings: ItemEmbeddings? = nil) {
    let sums = ListSums(answers, facts, embeddings)
    let listed = sums.times.reduce(0, +)
    coverage = Self.ratio(sums.times.count { $0 > 0 }, facts.clicks.count) ?? 0
    gini = Self.gini(sums.times)
    repeatRate = Self.ratio(sums.repeated, sums.repeatable)
    lastRepeatRate = Self.ratio(sums.lastRepeated, sums.withHistory)
    if listed > 0 {
      let clicked = Double(facts.clicks.reduce(0, +) + facts.clicks.count)
      var (bits, clicks) = (0.0, 0.0)
      for (times, itemClicks) in zip(sums.times, facts.clicks) where times > 0 {
        bits -= Double(times) * log2(Double(itemClicks + 1) / clicked)
        clicks += Double(times) * Double(itemClicks)
      }
      novelty = bits / Double(listed)
      if sums.historyClicks > 0 {
        let usual = Double(sums.historyClicks) / Double(sums.historyItems)
        popularityLift = clicks / Double(listed) / usual
      }
    }
    if sums.distances > 0 { intraListDistance = sums.distance / Double(sums.distances) }
  }

  private static func ratio(_ part: Int, _ whole: Int) -> Double? {
    whole == 0 ? nil : Double(part) / Double(whole)
  }

  private static func gini(_ times: [Int]) -> Double? {
    let sum = times.reduce(0, +)
    if sum == 0 || times.count < 2 { return nil }
    var weighted = 0.0
    for (index, count) in times.sorted().enumerated() {
      weighted += Double(2 * index + 1 - times.count) * Double(count)
    }
    return weighted / (Double(times.count - 1) * Double(sum))
  }
}

/// What the measures are ratios of.
private struct ListSums {
  /// How often each item is listed (items).
  private(set) var times: [Int]
  private(set) var repeated = 0
  private(set) var repeatable = 0
  private(set) var lastRepeated = 0
  private(set) var withHistory = 0
  private(set) var historyClicks = 0
  private(set) var historyItems = 0
  private(set) var distance = 0.0
  private(set) var distances = 0

  init(_ answers: Answers, _ facts: ExampleFacts, _ embeddings: ItemEmbeddings?) {
    times = Array(repeating: 0, count: facts.clicks.count)
    for example in 0..<min(facts.count, answers.ranks.count) {
      let list = answers.list(example, count: ListMeasures.cutoff)
      for item in list where times.indices.contains(Int(item)) { times[Int(item)] += 1 }
      addHistory(facts.history(example), list, facts)
      if let apart = embeddings?.meanDistance(list.prefix(ListMeasures.distanceCutoff)) {
        distance += apart
        distances += 1
      }
    }
  }

  private mutating func addHistory(
    _ history: ArraySlice<Int32>,
    _ list: ArraySlice<Int32>,
    _ facts: ExampleFacts
  ) {
    guard let last = history.last else { return }
    withHistory += 1
    repeatable += list.count
    repeated += list.count { history.contains($0) }
    if list.first == last { lastRepeated += 1 }
    for item in history {
      guard let clicks = facts.clicks(of: item) else { continue }
      historyClicks += clicks
      historyItems += 1
    }
  }
}
