/// Multipliers that drop a share of the numbers and scale up the rest (Srivastava and others 2014).
package struct Dropout: Sendable {
  /// The chance of being dropped, p; below 1.
  package let probability: Float
  private var state: UInt64

  package init(seed: UInt64, probability: Float) {
    state = seed
    self.probability = probability
  }

  /// Draws `count` multipliers, 0 or 1 / (1 − p).
  package mutating func draw(_ count: Int, into mask: inout [Float]) {
    mask.resize(to: count)
    mask.edit { draw(into: &$0) }
  }

  /// Draws multipliers, 0 or 1 / (1 − p).
  package mutating func draw(into mask: inout MutableSpan<Float>) {
    let threshold = UInt64(probability * 0x1p16)
    let kept = 1 / (1 - probability)
    var start = 0
    while start < mask.count {
      // Sixteen bits decide: p is met to 1e-5.
      let bits = Self.next(&state)
      for i in 0..<min(4, mask.count - start) {
        mask[start + i] = (bits >> UInt64(16 * i)) & 0xFFFF < threshold ? 0 : kept
      }
      start += 4
    }
  }

  /// SplitMix64 (Steele, Lea and Flood 2014).
  private static func next(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
