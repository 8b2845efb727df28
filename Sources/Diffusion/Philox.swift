/// The counter-based generator Philox 4×32-10 of Salmon and others (2011).
///
/// A word depends on the counter and the key alone: no state, so any draw can be made at any time,
/// in any order.
package enum Philox {
  /// Four random words of 32 bits for a counter of 128 and a key of 64, low words first.
  @inline(__always)
  package static func words(
    _ counter: (UInt32, UInt32, UInt32, UInt32),
    key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (x, k) = (counter, key)
    x = round(x, k)
    for _ in 1..<10 {
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
      x = round(x, k)
    }
    return x
  }

  @inline(__always)
  private static func round(
    _ x: (UInt32, UInt32, UInt32, UInt32),
    _ key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    let p = UInt64(x.0) &* 0xD251_1F53
    let q = UInt64(x.2) &* 0xCD9E_8D57
    let (pHigh, qHigh) = (UInt32(truncatingIfNeeded: p >> 32), UInt32(truncatingIfNeeded: q >> 32))
    let (pLow, qLow) = (UInt32(truncatingIfNeeded: p), UInt32(truncatingIfNeeded: q))
    return (qHigh ^ x.1 ^ key.0, qLow, pHigh ^ x.3 ^ key.1, pLow)
  }
}

/// FNV-1a of the UTF-8 bytes, finished by a mixer so that every bit depends on every byte.
///
/// It names a user in a ``NoiseKey``: the same on every machine and in every version, which Swift's
/// `Hasher` is not.
package func stableHash(_ text: String) -> UInt64 { stableHash(text.utf8) }

/// The same of its bytes.
package func stableHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return mixed(hash)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection in which bits avalanche.
@inline(__always)
func mixed(_ value: UInt64) -> UInt64 {
  var z = value
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}
