/// What a replay found out: how good each recommender was, over the whole stream, over time, and by
/// kind of event.
package struct StreamReport: Codable, Equatable, Sendable {
  /// A mean with its 95 % interval.
  package typealias Estimate = QualityTable.Estimate

  /// One recommender's.
  package struct Row: Codable, Equatable, Sendable {
    package let name: String
    /// By key, such as `hr_20`.
    package let metrics: [String: Estimate]
    /// The same less those of the first row, paired; empty for the first row itself.
    package let differences: [String: Estimate]
    /// With the clicks up to then where they speak of an item's clicks; without distances.
    package let lists: ListMeasures
    /// HR@20 and NDCG@20 in each of the report's windows.
    package let windows: [Point]
    /// HR@20, NDCG@20 and MRR@20 of each of the report's slices.
    package let slices: [[String: Estimate]]
    /// Each metric in each resample, float32, little-endian, base64: what other runs on the same
    /// events are compared by.
    package let resamples: [String: String]
  }

  package struct Point: Codable, Equatable, Sendable {
    package let hitRate: Double
    package let ndcg: Double
    /// NDCG@20 with older events fading.
    package let faded: Double

    enum CodingKeys: String, CodingKey {
      case hitRate = "hr_20"
      case ndcg = "ndcg_20"
      case faded = "faded_ndcg_20"
    }
  }

  /// A stretch of the stream.
  package struct Window: Codable, Equatable, Sendable {
    /// Events that were judged in it.
    package let events: Int
    /// The time of the last of them.
    package let untilMs: Int64?

    enum CodingKeys: String, CodingKey {
      case events
      case untilMs = "until_ms"
    }
  }

  package struct Slice: Codable, Equatable, Sendable {
    package let dimension: StreamSlice.Dimension
    package let name: String
    package let events: Int
  }

  /// An event, what was suggested before it, and what the suggestions rested on.
  package struct Example: Codable, Equatable, Sendable {
    package struct Item: Codable, Equatable, Sendable {
      package let id: String
      /// The clicks it rests on, where that is asked for.
      package let because: [String]

      package init(id: String, because: [String] = []) {
        self.id = id
        self.because = because
      }
    }

    package let user: String
    package let history: [String]
    package let suggested: [Item]
    package let clicked: String
    /// From 0; `nil` if it was not suggested.
    package let rank: Int?
  }

  /// Clicks that passed, judged or not.
  package let clicks: Int
  /// Clicks that were judged: their user had one before.
  package let events: Int
  /// Of those, the ones before which nothing had been suggested.
  package let unanswered: Int
  package let sessions: Int
  package let items: Int
  /// A hash of the judged events: reports of the same events can be compared.
  package let fingerprint: String
  package let seed: UInt64
  package let resamples: Int
  package let rows: [Row]
  package let windows: [Window]
  package let slices: [Slice]
  package let examples: [Example]
  /// How often a suggestion took so many denoising steps, by their number.
  package let steps: [Int: Int]
  /// How often a suggestion was made in which way.
  package let provenances: [String: Int]
  /// How long it took; what else the report says is the same every time.
  package var timing: Timing?
  /// The version of the model in the first row.
  package var model: String?

  package struct Timing: Codable, Equatable, Sendable {
    package struct Bar: Codable, Equatable, Sendable {
      package let ms: Double
      package let count: Int
    }

    package let clicksPerSecond: Double
    /// How often a click's batch took how long, from reading to publishing.
    package let batches: [Bar]
    package let p50Ms: Double
    package let p99Ms: Double

    enum CodingKeys: String, CodingKey {
      case clicksPerSecond = "clicks_per_second"
      case batches
      case p50Ms = "p50_ms"
      case p99Ms = "p99_ms"
    }

    package init(clicks: Int, seconds: Double, batchMs: LogHistogram) {
      clicksPerSecond = seconds > 0 ? Double(clicks) / seconds : 0
      batches = batchMs.bars.map { Bar(ms: $0.value, count: $0.count) }
      p50Ms = batchMs.quantile(0.5)
      p99Ms = batchMs.quantile(0.99)
    }
  }
}
