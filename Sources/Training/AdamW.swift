internal import Kernels
internal import Network

/// The optimiser: its updates are PyTorch's `AdamW`, dense, over every row, seen or not.
package struct AdamW: Equatable, Sendable {
  /// The running mean of the gradients, in the order of the weights' block.
  package var firstMoment: [Float]
  /// The running mean of their squares.
  package var secondMoment: [Float]
  /// Updates made so far.
  package var updates = 0
  /// What share of a parameter a rate of 1 would take off, apart from the gradient.
  package var weightDecay: Float

  static let keep = (first: 0.9, second: 0.999)
  static let epsilon: Float = 1e-8

  package init(parameters count: Int, weightDecay: Float = 0) {
    firstMoment = [Float](repeating: 0, count: count)
    secondMoment = firstMoment
    self.weightDecay = weightDecay
  }

  /// Moves the weights by one update with learning rate `rate`: all, or those
  /// in some ranges of their block.
  mutating func update(
    _ weights: inout Weights,
    in ranges: [Range<Int>]? = nil,
    gradient: Weights,
    rate: Float
  ) {
    updates += 1
    let update = Adam.Update(
      newFirst: Float(1 - Self.keep.first),
      newSecond: Float(1 - Self.keep.second),
      shrink: 1 - rate * weightDecay,
      stride: Float(Double(rate) / (1 - power(Self.keep.first, updates))),
      rootScale: Float(1 / (1 - power(Self.keep.second, updates)).squareRoot()),
      epsilon: Self.epsilon
    )
    for range in ranges ?? [gradient.values.indices] {
      weights.values.edit(range) { parameters in
        firstMoment.edit(range) { first in
          secondMoment.edit(range) { second in
            let gradient = gradient.values.span.extracting(range)
            Adam.update(&parameters, first: &first, second: &second, gradient: gradient, by: update)
          }
        }
      }
    }
  }
}

/// base to a power of 1 or more, by squaring.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, square, left) = (1.0, base, exponent)
  while left > 0 {
    if left & 1 == 1 { result *= square }
    square *= square
    left >>= 1
  }
  return result
}
