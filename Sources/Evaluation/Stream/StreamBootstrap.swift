internal import Kernels

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
  /// 65,536 · P(X ≤ k) of a Poisson variable X of mean 1, for k = 0, 1, …; at least 16 apart.
  private let bounds: [Int32]
  /// By the first 12 of 16 random bits: X is this, or one more.
  private let least: [UInt8]

  package init(resamples: Int, seed: UInt64) {
    // Four are drawn at a time.
    self.resamples = (max(1, resamples) + 3) / 4 * 4
    self.seed = seed
    weights = [Float](repeating: 0, count: self.resamples)
    var (term, sum) = (0.367879441171442, 0.0)
    bounds = (1...7).map { k in
      sum += term
      term /= Double(k)
      return Int32((65_536 * sum).rounded())
    }
    least = (0..<4_096).map { [bounds] first in UInt8(bounds.count { $0 <= first << 4 }) }
  }

  /// Draws how often a unit counts.
  mutating func draw(unit: String) {
    var hash = FNVHash()
    hash.add(unit)
    var random = SplitMix64(seed: hash.value ^ seed)
    for start in stride(from: 0, to: resamples, by: 4) {
      var bits = random.next()
      for lane in 0..<4 {
        weights[start + lane] = poisson(UInt16(truncatingIfNeeded: bits))
        bits >>= 16
      }
    }
  }

  /// X by inversion, from 16 random bits.
  @inline(__always)
  private func poisson(_ bits: UInt16) -> Float {
    let least = Int(least[Int(bits >> 4)])
    return Int32(bits) < bounds[least] ? Float(least) : Float(least + 1)
  }
}

/// A sum in each resample.
package struct ResampledSum: Equatable, Sendable {
  package private(set) var sums: [Float]

  init(_ resamples: Int) { sums = [Float](repeating: 0, count: resamples) }

  /// Adds a value of the unit whose weights these are.
  mutating func add(_ value: Float, _ weights: [Float]) {
    if value == 0 { return }
    var span = sums.mutableSpan
    Lanes.add(weights.span, times: value, to: &span)
  }
}
