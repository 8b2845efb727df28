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
    var tally = ListTally()
    let total = facts.clicks.reduce(0, +)
    for example in 0..<min(facts.count, answers.ranks.count) {
      tally.add(
        answers.list(example, count: Self.cutoff),
        history: facts.history(example),
        clicks: facts.clicks,
        total: total,
        embeddings: embeddings
      )
    }
    self.init(tally, items: facts.clicks.count)
  }

  /// The measures of what was counted, over a catalogue of so many items.
  init(_ tally: ListTally, items: Int) {
    let times = tally.times + repeatElement(0, count: max(0, items - tally.times.count))
    let listed = Double(times.reduce(0, +))
    coverage = Self.ratio(Double(times.count { $0 > 0 }), Double(times.count)) ?? 0
    gini = Self.gini(times)
    novelty = Self.ratio(tally.bits, listed)
    repeatRate = Self.ratio(Double(tally.repeated), Double(tally.repeatable))
    lastRepeatRate = Self.ratio(Double(tally.lastRepeated), Double(tally.withHistory))
    if let usual = Self.ratio(tally.historyClicks, Double(tally.historyItems)) {
      popularityLift = Self.ratio(tally.listedClicks, listed).flatMap { Self.ratio($0, usual) }
    }
    intraListDistance = Self.ratio(tally.distance, Double(tally.distances))
  }

  private static func ratio(_ part: Double, _ whole: Double) -> Double? {
    whole == 0 ? nil : part / whole
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

extension ListMeasures {
  /// What ``cells`` are called.
  static let titles = [
    "coverage %", "Gini", "novelty bits", "repeats %", "last first %", "popularity lift",
    "distance",
  ]

  /// The measures as tables show them.
  var cells: [String] {
    let values: [(Double?, Double)] = [
      (coverage, 100), (gini, 1), (novelty, 1), (repeatRate, 100), (lastRepeatRate, 100),
      (popularityLift, 1), (intraListDistance, 1),
    ]
    return values.map { value, scale in value.map { fixed($0 * scale, 2) } ?? "–" }
  }
}
