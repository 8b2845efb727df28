/// The exponential, to about one unit in the last place.
///
/// x = n·ln 2 + r with |r| ≤ ½·ln 2: a polynomial gives eʳ, the exponent's bits give 2ⁿ.
package enum Exponential {
  /// 3 · 2²²: adding it leaves a float's nearest whole number in its low bits.
  private static let shift: Float = 12_582_912
  private static let inverseLn2: Float = 1.442_695_04
  /// ln 2 in two parts; the first has so few bits that n times it is exact.
  private static let ln2High: Float = 0.693_359_375
  private static let ln2Low: Float = -2.121_944_4e-4
  /// Beyond, the result is that of the nearer bound, which is still a normal number.
  private static let lowest: Float = -87
  private static let highest: Float = 88

  @inline(__always)
  static func of(_ x: Lanes.Vector) -> Lanes.Vector {
    let x = x.limited(lowest, highest)
    let shifted = x * inverseLn2 + shift
    let n = shifted - shift
    let r = (x - n * ln2High) - n * ln2Low
    var p = r * (1.0 / 5040) + Lanes.Vector(repeating: 1.0 / 720)
    p = p * r + Lanes.Vector(repeating: 1.0 / 120)
    p = p * r + Lanes.Vector(repeating: 1.0 / 24)
    p = p * r + Lanes.Vector(repeating: 1.0 / 6)
    p = p * r + Lanes.Vector(repeating: 0.5)
    p = p * r + Lanes.Vector(repeating: 1)
    p = p * r + Lanes.Vector(repeating: 1)
    let exponent = shifted.bitPatterns &- Int32(bitPattern: shift.bitPattern) &+ 127
    return p * Lanes.Vector(bitPatterns: exponent &<< 23)
  }

  /// Writes eˣ of every number.
  package static func forward(_ x: Span<Float>, into y: inout MutableSpan<Float>) {
    Lanes.map(x, into: &y, of)
  }
}
