/// Recommenders judged together on the same examples, each against the first of them.
package struct QualityTable: Codable, Equatable, Sendable {
  /// A mean over examples with its 95 % interval.
  package struct Estimate: Codable, Equatable, Sendable {
    package let mean: Double
    package let low: Double
    package let high: Double
  }

  /// One recommender's metrics over a slice, by their keys, such as `hr_20`.
  package struct Row: Codable, Equatable, Sendable {
    package let name: String
    package let metrics: [String: Estimate]
    /// The same less those of the first row, paired; empty for the first row itself.
    package let differences: [String: Estimate]
  }

  /// All recommenders over a kind of example; without rows if there is no such example.
  package struct Section: Codable, Equatable, Sendable {
    package let slice: ExampleFacts.Slice
    package let examples: Int
    package let units: Int
    package let rows: [Row]
  }

  /// What one recommender's lists are like.
  package struct Lists: Codable, Equatable, Sendable {
    package let name: String
    package let measures: ListMeasures
  }

  package let resamples: Int
  package let seed: UInt64
  package let slices: [Section]
  package let lists: [Lists]

  /// - Parameters:
  ///   - answers: One recommender's each; the first is what the others are held against.
  ///   - facts: The examples that all of them answered.
  ///   - embeddings: The items' vectors, for the distance within lists.
  ///   - slices: The kinds of example to report.
  ///   - resamples: How many times the users or sessions are drawn anew.
  ///   - seed: Decides the draws.
  package init(
    _ answers: [Answers],
    _ facts: ExampleFacts,
    embeddings: ItemEmbeddings? = nil,
    slices: [ExampleFacts.Slice] = ExampleFacts.Slice.allCases,
    resamples: Int = 1000,
    seed: UInt64 = 1
  ) {
    let qualities = answers.map { Quality($0, facts, embeddings: embeddings) }
    self.resamples = max(1, resamples)
    self.seed = seed
    self.slices = slices.map {
      Section($0, qualities, facts, resamples: resamples, seed: seed)
    }
    lists = qualities.map { Lists(name: $0.answers.name, measures: $0.measures) }
  }
}

extension QualityTable.Section {
  fileprivate init(
    _ slice: ExampleFacts.Slice,
    _ qualities: [Quality],
    _ facts: ExampleFacts,
    resamples: Int,
    seed: UInt64
  ) {
    let members = facts.members(of: slice)
    let bootstrap = Bootstrap(
      units: members.map { facts.units[$0] },
      resamples: resamples,
      seed: seed
    )
    self.slice = slice
    examples = members.count
    units = bootstrap.unitCount
    var first: Sample?
    rows = (members.isEmpty ? [] : qualities).map { quality in
      let sample = Sample(quality, members, bootstrap)
      defer { first = first ?? sample }
      return QualityTable.Row(
        name: quality.answers.name,
        metrics: sample.estimates(less: nil),
        differences: first.map { sample.estimates(less: $0) } ?? [:]
      )
    }
  }
}

/// The means of one row's metrics, and those of its resamples.
private struct Sample {
  private let means: [Double]
  private let resampled: [[Double]]

  init(_ quality: Quality, _ members: [Int], _ bootstrap: Bootstrap) {
    let columns = RankMetric.all.map { quality.values($0, at: members) }
    means = columns.map(Bootstrap.mean)
    resampled = bootstrap.means(columns)
  }

  /// Every metric by its key, or by how much it exceeds the other sample's.
  func estimates(less other: Sample?) -> [String: QualityTable.Estimate] {
    var estimates: [String: QualityTable.Estimate] = [:]
    for (index, metric) in RankMetric.all.enumerated() {
      var (mean, drawn) = (means[index], resampled[index])
      if let other {
        mean -= other.means[index]
        drawn = zip(drawn, other.resampled[index]).map { $0 - $1 }
      }
      let interval = Bootstrap.interval(drawn)
      estimates[metric.key] = QualityTable.Estimate(
        mean: mean,
        low: interval.lowerBound,
        high: interval.upperBound
      )
    }
    return estimates
  }
}
