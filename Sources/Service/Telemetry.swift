import Synchronization

/// A number that only grows.
package final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)

  package init() {}

  package func add(_ more: Int = 1) {
    if more > 0 { count.wrappingAdd(UInt64(more), ordering: .relaxed) }
  }

  package var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that is set.
package final class Gauge: Sendable {
  private let bits = Atomic<UInt64>(0)

  package init() {}

  package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// How often values fell into each of some ranges.
package final class Histogram: Sendable {
  /// What a histogram holds at one instant.
  package struct Snapshot: Equatable, Sendable {
    /// Upper bounds, ascending; the last bucket has none.
    package let bounds: [Double]
    /// One more than there are bounds; not cumulative.
    package fileprivate(set) var counts: [UInt64]
    package fileprivate(set) var sum = 0.0

    package var count: UInt64 { counts.reduce(0, +) }
  }

  private let state: Mutex<Snapshot>

  /// - Parameter bounds: Upper bounds of the buckets, inclusive, ascending.
  package init(bounds: [Double]) {
    precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
    let counts = [UInt64](repeating: 0, count: bounds.count + 1)
    state = Mutex(Snapshot(bounds: bounds, counts: counts))
  }

  /// Counts a value; what is not a number is dropped.
  package func observe(_ value: Double) {
    if value.isNaN { return }
    state.withLock { state in
      var low = 0
      var high = state.bounds.count
      while low < high {
        let middle = (low + high) / 2
        if state.bounds[middle] < value { low = middle + 1 } else { high = middle }
      }
      state.counts[low] += 1
      state.sum += value
    }
  }

  package var snapshot: Snapshot { state.withLock { $0 } }
}

extension Histogram {
  /// Bounds from `first` until `last` is reached, each `ratio` times the one before.
  package static func bounds(from first: Double, to last: Double, ratio: Double) -> [Double] {
    precondition(0 < first && first < last && 1 < ratio)
    var bounds = [first]
    while let bound = bounds.last, bound < last * 0.999 {
      bounds.append(min(last, bound * ratio))
    }
    return bounds
  }
}

/// The metrics of one name, told apart by the values of their labels.
package final class Family<Metric: AnyObject & Sendable>: Sendable {
  package let name: String
  package let help: String
  package let labels: [String]
  private let make: @Sendable () -> Metric
  private let series = Mutex<[[String]: Metric]>([:])

  /// What more series than this share: a label must not be able to fill the memory.
  package static var mostSeries: Int { 1_000 }
  package static var overflow: String { "other" }

  init(
    _ name: String,
    _ help: String,
    labels: [String],
    make: @escaping @Sendable () -> Metric
  ) {
    self.name = name
    self.help = help
    self.labels = labels
    self.make = make
  }

  /// The metric with these values of the labels, made when first asked for.
  ///
  /// It takes a lock and a look-up: keep the metric where that counts.
  package subscript(_ values: String...) -> Metric {
    precondition(values.count == labels.count)
    return series.withLock { series in
      if let metric = series[values] { return metric }
      let isFull = series.count >= Self.mostSeries
      let key = isFull ? labels.map { _ in Self.overflow } : values
      let metric = series[key] ?? make()
      series[key] = metric
      return metric
    }
  }

  /// Every series, ordered by the values of its labels.
  package var all: [(values: [String], metric: Metric)] {
    series.withLock { $0.map { ($0.key, $0.value) } }
      .sorted { $0.0.lexicographicallyPrecedes($1.0) }
  }
}

extension Family where Metric == Counter {
  convenience init(_ name: String, _ help: String, labels: [String] = []) {
    self.init(name, help, labels: labels, make: { Counter() })
  }
}

extension Family where Metric == Gauge {
  convenience init(_ name: String, _ help: String, labels: [String] = []) {
    self.init(name, help, labels: labels, make: { Gauge() })
  }
}

extension Family where Metric == Histogram {
  convenience init(_ name: String, _ help: String, labels: [String] = [], bounds: [Double]) {
    self.init(name, help, labels: labels, make: { Histogram(bounds: bounds) })
  }
}
