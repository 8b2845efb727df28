/// What the noise of a request depends on, besides the draw and the lane within it.
package struct NoiseKey: Equatable, Sendable {
  package var seed: UInt64
  /// The user's ``stableHash(_:)``.
  package var user: UInt64
  /// The event's place in the stream.
  package var position: UInt64

  package init(seed: UInt64, user: UInt64, position: UInt64) {
    self.seed = seed
    self.user = user
    self.position = position
  }
}

/// Where the reverse process takes its noise from.
package protocol NoiseSource {
  /// Writes a request's draw number `draw`, (d).
  ///
  /// Draw 0 is x_T; draw i > 0 is what the i-th reverse step adds. Each is asked for once, and some
  /// never are, so a draw must not depend on the ones before it.
  mutating func fill(_ noise: inout MutableSpan<Float>, request: Int, draw: Int)
}

/// Standard normals from Philox: a request's noise is the same whoever shares its batch.
package struct SeededNoise: NoiseSource {
  /// The key of every request of the batch.
  package var keys: [NoiseKey]

  package init(keys: [NoiseKey] = []) { self.keys = keys }

  package func fill(_ noise: inout MutableSpan<Float>, request: Int, draw: Int) {
    Noise.fill(&noise, key: keys[request], draw: draw)
  }
}

/// Standard normals as a function of a key, a draw and a lane.
package enum Noise {
  /// Calls of Philox that are made side by side; each gives four normals.
  private static let blocks = 16

  /// Writes standard normals, lane by lane.
  ///
  /// The counter is (block, draw, user and position mixed to 64 bits) and the seed is the key. A
  /// lane's value does not depend on how many lanes are asked for. The arithmetic is the four basic
  /// operations and the square root alone, so the bits are the same on every machine.
  package static func fill(_ noise: inout MutableSpan<Float>, key: NoiseKey, draw: Int) {
    let stream = mixed(key.user) ^ mixed(key.position &+ 0x9E37_79B9_7F4A_7C15)
    let low = UInt32(truncatingIfNeeded: stream)
    let high = UInt32(truncatingIfNeeded: stream >> 32)
    let words = (UInt32(truncatingIfNeeded: key.seed), UInt32(truncatingIfNeeded: key.seed >> 32))
    var start = 0
    var uniform: InlineArray<64, UInt32> = .init(repeating: 0)
    var normals: InlineArray<64, Float> = .init(repeating: 0)
    while start < noise.count {
      let first = UInt32(truncatingIfNeeded: start / 4)
      for i in 0..<blocks {
        let counter = (
          first &+ UInt32(truncatingIfNeeded: i), UInt32(truncatingIfNeeded: draw), low, high
        )
        let four = Philox.words(counter, key: words)
        uniform[i] = four.0
        uniform[blocks + i] = four.1
        uniform[2 * blocks + i] = four.2
        uniform[3 * blocks + i] = four.3
      }
      for i in 0..<(2 * blocks) {
        let (a, b) = boxMuller(uniform[i], uniform[2 * blocks + i])
        normals[i] = a
        normals[2 * blocks + i] = b
      }
      for i in 0..<min(4 * blocks, noise.count - start) { noise[start + i] = normals[i] }
      start += 4 * blocks
    }
  }

  /// Two independent standard normals from two uniform words (Box and Muller 1958).
  @inline(__always)
  package static func boxMuller(_ radius: UInt32, _ angle: UInt32) -> (Float, Float) {
    // 31 bits and a half: never 0, so the radius is at most √(−2 ln 2⁻³²) = 6.7.
    let uniform = (Float(Int32(bitPattern: radius >> 1)) + 0.5) * 0x1p-31
    let r = squareRoot(-2 * logarithm(uniform))
    // Two bits choose one of the four axes, the other thirty the angle from it, ± 45°.
    let turn = Float(Int32(bitPattern: angle << 2)) * (Float(Double.pi / 4) * 0x1p-31)
    let (cosine, sine) = cosineAndSine(turn)
    let sign = Float(bitPattern: (angle & 0x8000_0000) | Float(1).bitPattern)
    let along = r * cosine * sign
    let across = r * sine
    let isUpright = angle & 0x4000_0000 != 0
    return (isUpright ? across : along, isUpright ? along : across)
  }

  /// √y for y ≥ 0 by Newton's iteration on 1/√y: the library's has a branch, so loops over it stay
  /// scalar.
  @inline(__always)
  package static func squareRoot(_ y: Float) -> Float {
    var inverse = Float(bitPattern: 0x5F37_59DF &- y.bitPattern >> 1)
    for _ in 0..<3 { inverse = inverse * (1.5 - 0.5 * y * inverse * inverse) }
    return y * inverse
  }

  /// ln u for u in (0, 1], to 2 units in the last place: 2 artanh s with s = (m − 1) / (m + 1).
  @inline(__always)
  package static func logarithm(_ u: Float) -> Float {
    // u = m · 2ᵉ with m in [√½, √2), so that nothing cancels near 1.
    let bits = Int32(bitPattern: u.bitPattern) &- 0x3F35_04F3
    let exponent = Float(bits >> 23)
    let m = Float(bitPattern: UInt32(bitPattern: (bits & 0x7F_FFFF) &+ 0x3F35_04F3))
    let s = (m - 1) / (m + 1)
    let z = s * s
    let tail = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9))))
    return exponent * 0.693_147_18 + 2 * (s + s * tail)
  }

  /// cos φ and sin φ for |φ| ≤ π/4, to 1e-7: their series to φ¹⁰ and φ⁹.
  @inline(__always)
  package static func cosineAndSine(_ φ: Float) -> (Float, Float) {
    let z = φ * φ
    let c = z * (-1 / 2 + z * (1 / 24 + z * (-1 / 720 + z * (1 / 40320 - z * (1 / 3_628_800)))))
    let s = z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * (1 / 362_880))))
    return (1 + c, φ + φ * s)
  }
}
