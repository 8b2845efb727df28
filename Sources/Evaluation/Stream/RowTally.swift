internal import Foundation

/// One recommender's results, counted while a stream passes.
struct RowTally: Sendable {
  private static let windowed = RankMetric(.ndcg, cutoff: 20)
  /// Of the metrics that slices show.
  private static let sliced = RankMetric.Kind.allCases.map { RankMetric($0, cutoff: 20) }
  /// How much an event counts once the next has come.
  private static let fading = 0.999

  let name: String
  private(set) var all = RankCounts()
  private var slices = [RankCounts](repeating: RankCounts(), count: StreamSlice.all.count)
  private var windows: [(counts: RankCounts, faded: Double)] = []
  private var open = RankCounts()
  private var faded = (sum: 0.0, weight: 0.0)
  var lists = ListTally()
  /// By rank: how many stood there in each resample.
  private var resampled: [ResampledSum]
  /// By slice and metric.
  private var resampledSlices: [ResampledSum]

  init(name: String, resamples: Int) {
    self.name = name
    resampled = Array(repeating: ResampledSum(resamples), count: RankCounts.depth)
    resampledSlices = Array(
      repeating: ResampledSum(resamples),
      count: StreamSlice.all.count * Self.sliced.count
    )
  }

  /// Counts an event of some slices, whose unit has these weights.
  mutating func add(_ rank: Int?, slices members: [Int], weights: [Float]) {
    all.add(rank)
    open.add(rank)
    let gain = rank.map { Self.windowed.value(rank: Int32($0)) } ?? 0
    faded = (faded.sum * Self.fading + gain, faded.weight * Self.fading + 1)
    for slice in members { slices[slice].add(rank) }
    guard let rank, rank < RankCounts.depth else { return }
    resampled[rank].add(1, weights)
    for slice in members {
      for (index, metric) in Self.sliced.enumerated() {
        let value = Float(metric.value(rank: Int32(rank)))
        resampledSlices[slice * Self.sliced.count + index].add(value, weights)
      }
    }
  }

  mutating func closeWindow() {
    windows.append((open, faded.weight > 0 ? faded.sum / faded.weight : 0))
    open = RankCounts()
  }

  /// Makes one window of every two.
  mutating func mergeWindows() {
    windows = stride(from: 0, to: windows.count - 1, by: 2).map { index in
      var merged = windows[index].counts
      merged.add(windows[index + 1].counts)
      return (merged, windows[index + 1].faded)
    }
  }

  /// The row, beside the first of its report.
  ///
  /// `items` is the size of the catalogue; `totals` says how many events there were in each
  /// resample, `sliceTotals` the same by slice.
  func row(
    items: Int,
    totals: ResampledSum,
    sliceTotals: [ResampledSum],
    beside first: RowTally?
  ) -> StreamReport.Row {
    var metrics: [String: StreamReport.Estimate] = [:]
    var differences: [String: StreamReport.Estimate] = [:]
    var resamples: [String: String] = [:]
    for metric in RankMetric.all {
      let means = means(metric, totals)
      resamples[metric.key] = Data(
        means.flatMap { mean in
          (0..<4).map { UInt8(Float(mean).bitPattern >> (8 * $0) & 0xFF) }
        }
      ).base64EncodedString()
      metrics[metric.key] = StreamReport.Estimate(all.mean(metric), means)
      if let first {
        let others = first.means(metric, totals)
        differences[metric.key] = StreamReport.Estimate(
          all.mean(metric) - first.all.mean(metric),
          zip(means, others).map { $0 - $1 }
        )
      }
    }
    return StreamReport.Row(
      name: name,
      metrics: metrics,
      differences: differences,
      lists: ListMeasures(lists, items: items),
      windows: windows.map { window in
        StreamReport.Point(
          hitRate: window.counts.mean(RankMetric(.hitRate, cutoff: 20)),
          ndcg: window.counts.mean(Self.windowed),
          faded: window.faded
        )
      },
      slices: StreamSlice.all.indices.filter { slices[$0].total > 0 }.map { slice in
        Dictionary(
          uniqueKeysWithValues: Self.sliced.enumerated().map { index, metric in
            let sums = resampledSlices[slice * Self.sliced.count + index].sums
            let means = zip(sums, sliceTotals[slice].sums).map { Double($0) / Double($1) }
            return (metric.key, StreamReport.Estimate(slices[slice].mean(metric), means))
          }
        )
      },
      resamples: resamples
    )
  }

  /// The metric in each resample.
  private func means(_ metric: RankMetric, _ totals: ResampledSum) -> [Double] {
    var means = [Double](repeating: 0, count: totals.sums.count)
    for rank in 0..<min(metric.cutoff, resampled.count) {
      let value = metric.value(rank: Int32(rank))
      for (index, count) in resampled[rank].sums.enumerated() {
        means[index] += value * Double(count)
      }
    }
    for index in means.indices { means[index] /= Double(totals.sums[index]) }
    return means
  }
}

extension QualityTable.Estimate {
  /// A mean and the interval of what it was in resamples.
  init(_ mean: Double, _ resampled: [Double]) {
    let interval = Bootstrap.interval(resampled)
    self.init(mean: mean, low: interval.lowerBound, high: interval.upperBound)
  }
}
