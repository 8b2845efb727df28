/// Percentile intervals of means by resampling whole users or sessions (Efron, 1979; Field and
/// Welsh, 2007, for clusters).
///
/// One user's examples resemble each other, so to resample examples would promise too narrow an
/// interval. The resamples are a function of the seed and the units alone: everything that is
/// measured on the same examples meets the same resamples, and differences are paired.
package struct Bootstrap: Sendable {
  /// How much of the resampled means lies below an interval, and how much above.
  package static let tail = 0.025

  package let resamples: Int
  package let seed: UInt64
  /// How many units there are to draw from.
  package let unitCount: Int
  /// The unit of each example, numbered from 0 as they first appear.
  private let places: [Int]

  /// - Parameters:
  ///   - units: Whose each example is.
  ///   - resamples: How many times as many units as there are get drawn, with replacement.
  ///   - seed: Decides the draws.
  package init(units: [Int32], resamples: Int = 1000, seed: UInt64) {
    self.resamples = max(1, resamples)
    self.seed = seed
    var numbers: [Int32: Int] = [:]
    places = units.map { unit in
      let place = numbers[unit] ?? numbers.count
      if place == numbers.count { numbers[unit] = place }
      return place
    }
    unitCount = numbers.count
  }

  /// The interval of the mean of `values`, one for each example.
  ///
  /// Without any example it is [0, 0].
  package func interval<Value: BinaryFloatingPoint>(_ values: [Value]) -> ClosedRange<Double> {
    Self.interval(means([values.map { Double($0) }])[0])
  }

  /// By how much the mean of `a` exceeds that of `b`, example for example.
  package func difference<Value: BinaryFloatingPoint>(
    _ a: [Value],
    _ b: [Value]
  ) -> (mean: Double, interval: ClosedRange<Double>) {
    let columns = [a, b].map { column in column.map { Double($0) } }
    let drawn = means(columns)
    return (
      Self.mean(columns[0]) - Self.mean(columns[1]),
      Self.interval(zip(drawn[0], drawn[1]).map { $0 - $1 })
    )
  }

  /// The mean of each column in each resample (columns, resamples).
  ///
  /// Complexity: O(examples + resamples · units) for every eight columns.
  package func means(_ columns: [[Double]]) -> [[Double]] {
    precondition(columns.allSatisfy { $0.count == places.count }, "one value an example")
    var means = columns.map { _ in [Double]() }
    if places.isEmpty { return means }
    // The last lane counts the examples.
    let lanes = SIMD8<Double>.scalarCount
    let groups = columns.count / lanes + 1
    let sums = unitSums(columns, groups: groups)
    var random = SplitMix64(seed: seed)
    var times = [UInt32](repeating: 0, count: unitCount)
    for _ in 0..<resamples {
      for unit in times.indices { times[unit] = 0 }
      for _ in times.indices { times[random.below(unitCount)] += 1 }
      var totals = [SIMD8<Double>](repeating: .zero, count: groups)
      for group in 0..<groups { totals[group] = total(sums[group], times) }
      let examples = totals[groups - 1][lanes - 1]
      for column in columns.indices {
        means[column].append(totals[column / lanes][column % lanes] / examples)
      }
    }
    return means
  }

  /// The sums of each unit's values, eight columns side by side, and of its examples at the very
  /// end (groups, units).
  private func unitSums(_ columns: [[Double]], groups: Int) -> [[SIMD8<Double>]] {
    let lanes = SIMD8<Double>.scalarCount
    let empty = [SIMD8<Double>](repeating: .zero, count: unitCount)
    var sums = [[SIMD8<Double>]](repeating: empty, count: groups)
    for (column, values) in columns.enumerated() {
      for (place, value) in zip(places, values) {
        sums[column / lanes][place][column % lanes] += value
      }
    }
    for place in places { sums[groups - 1][place][lanes - 1] += 1 }
    return sums
  }

  private func total(_ sums: [SIMD8<Double>], _ times: [UInt32]) -> SIMD8<Double> {
    var total = SIMD8<Double>.zero
    for (sum, times) in zip(sums, times) { total += sum * Double(times) }
    return total
  }

  /// The middle 95 % of resampled means, between neighbours where it falls there.
  package static func interval(_ means: [Double]) -> ClosedRange<Double> {
    let sorted = means.filter(\.isFinite).sorted()
    if sorted.isEmpty { return 0...0 }
    func quantile(_ share: Double) -> Double {
      let place = share * Double(sorted.count - 1)
      let (low, high) = (Int(place), min(Int(place) + 1, sorted.count - 1))
      return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
    }
    let low = quantile(tail)
    return low...max(low, quantile(1 - tail))
  }

  /// The mean of values; 0 when there are none.
  package static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }
}
