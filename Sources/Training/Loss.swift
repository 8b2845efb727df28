internal import Kernels

/// What training makes small.
enum Loss {
  /// The mean over all numbers of (estimate − target)², and its gradient by the estimate.
  ///
  /// Its gradient by the target is the negative of that. (Ho, Jain and Abbeel 2020, equation 14,
  /// for a network that estimates x₀.)
  static func meanSquare(
    _ estimate: [Float],
    _ target: [Float],
    gradient: inout [Float]
  ) -> Float {
    precondition(estimate.count == target.count && !estimate.isEmpty)
    gradient.resize(to: estimate.count)
    let scale = 2 / Float(estimate.count)
    var sum = 0.0
    for i in estimate.indices {
      let error = estimate[i] - target[i]
      gradient[i] = scale * error
      sum += Double(error * error)
    }
    return Float(sum / Double(estimate.count))
  }
}
