/// Resamples a stream by sessions while it passes, in memory that does not grow with it.
///
/// The Poisson bootstrap (Hanley and MacGibbon 2006; Chamandy et al. 2012): in each resample every
/// unit counts as often as a Poisson variable of mean 1 says, independently of all others. What it
/// says is a function of seed, resample and the unit's name alone, so what is measured on the same
/// units, in one run or in two, meets the same resamples, and differences are paired.
package struct StreamBootstrap: Sendable {
  package let resamples: Int
  private let seed: UInt64
  /// How often the unit at hand counts in each resample.
  private(set) var weights: [Float]

  package init(resamples: Int, seed: UInt64) {
    // Four are drawn at a time.
    self.resamples = (max(1, resamples) + 3) / 4 * 4
    self.seed = seed
    weights = [Float](repeating: 0, count: self.resamples)
  }

  /// Draws how often a unit counts.
  mutating func draw(unit: String) {
    var hash = FNVHash()
    hash.add(unit)
    var random = SplitMix64(seed: hash.value ^ seed)
    for start in stride(from: 0, to: resamples, by: 4) {
      var bits = random.next()
      for lane in 0..<4 {
        weights[start + lane] = Self.poisson(UInt16(truncatingIfNeeded: bits))
        bits >>= 16
      }
    }
  }

  /// A Poisson variable of mean 1 by inversion, from 16 random bits.
  private static func poisson(_ bits: UInt16) -> Float {
    var count: Float = 0
    for bound in bounds {
      if bits < bound { return count }
      count += 1
    }
    return count
  }

  /// 65,536 · P(X ≤ k), for k = 0, 1, ….
  private static let bounds: [UInt16] = {
    var (term, sum) = (0.367879441171442, 0.0)
    var bounds: [UInt16] = []
    for k in 1...7 {
      sum += term
      bounds.append(UInt16((65_536 * sum).rounded()))
      term /= Double(k)
    }
    return bounds
  }()
}

/// A sum in each resample.
package struct ResampledSum: Equatable, Sendable {
  package private(set) var sums: [Float]

  init(_ resamples: Int) { sums = [Float](repeating: 0, count: resamples) }

  /// Adds a value of the unit whose weights these are.
  mutating func add(_ value: Float, _ weights: [Float]) {
    if value == 0 { return }
    for index in sums.indices { sums[index] += value * weights[index] }
  }
}
