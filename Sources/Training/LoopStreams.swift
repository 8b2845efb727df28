import Diffusion

/// The random numbers of one stream for one batch: no state is kept from batch to batch.
///
/// Streams are apart so that drawing more from one leaves the others as they are, and a batch is a
/// function of (seed, epoch, batch), so training goes on after a stop as if there had been none.
struct StreamGenerator: RandomNumberGenerator {
  /// What a stream is drawn for.
  enum Purpose: UInt32 {
    case shuffle, dropout, noise
  }

  private let key: (UInt32, UInt32)
  private var counter: (UInt32, UInt32, UInt32, UInt32)

  init(seed: UInt64, _ purpose: Purpose, epoch: Int = 0, batch: Int = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    counter = (
      0, UInt32(truncatingIfNeeded: batch), UInt32(truncatingIfNeeded: epoch), purpose.rawValue
    )
  }

  mutating func next() -> UInt64 {
    let words = Philox.words(counter, key: key)
    counter.0 &+= 1
    return UInt64(words.0) | UInt64(words.1) << 32
  }
}
