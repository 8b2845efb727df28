internal import Evaluation

/// All that is left to chance in a simulation is drawn from them.
///
/// Ranges are drawn by the remainder, and not as the standard library does it this year: a seed
/// must mean the same for as long as somebody may quote it.
struct Dice: RandomNumberGenerator, Sendable {
  private var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func next() -> UInt64 { random.next() }

  /// Other dice, whose numbers have nothing to do with what these show next.
  mutating func fork() -> Dice { Dice(seed: next()) }

  mutating func roll(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  mutating func chance(_ probability: Double) -> Bool { random.chance(probability) }

  mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[roll(0...(elements.count - 1))]
  }
}
