/// Why a request's denoising ended.
package enum StopReason: String, Codable, CaseIterable, Sendable {
  /// Every step was used.
  case steps
  /// The estimate stood still.
  case relativeChange = "relative-change"
  /// Another step would have ended past the row's deadline.
  case deadline
  /// The exact distribution was drawn from: there was no walk.
  case folded
}

/// When a row may leave its batch before the sampler's last step.
package struct StoppingRule: Codable, Equatable, Sendable {
  /// An estimate stands still while ‖pₖ − pₖ₋₁‖ / ‖pₖ‖ is below this; with 0 none ever does.
  package var tolerance: Float
  /// The steps in a row for which it must stand still.
  package var patience: Int

  package init(tolerance: Float = 0, patience: Int = 1) {
    self.tolerance = tolerance
    self.patience = patience
  }

  func validate() throws(DiffusionFailure) {
    guard tolerance >= 0, tolerance < 1 else {
      throw DiffusionFailure(
        reason: "the tolerance of early stopping lies in [0, 1), not \(tolerance)"
      )
    }
    guard patience >= 1 else {
      throw DiffusionFailure(
        reason: "the patience of early stopping is at least one step, not \(patience)"
      )
    }
  }
}

/// What a step of a batch of some size lately cost: the 95th percentile of the last 32.
///
/// Sizes are told apart by powers of two.
struct StepCost: Sendable {
  private static let remembered = 32
  private var samples: [[UInt64]] = []
  private var next: [Int] = []

  mutating func record(_ elapsedNs: UInt64, rows: Int) {
    let size = Self.size(rows)
    while samples.count <= size {
      samples.append([])
      samples[samples.count - 1].reserveCapacity(Self.remembered)
      next.append(0)
    }
    if samples[size].count < Self.remembered {
      samples[size].append(elapsedNs)
    } else {
      samples[size][next[size]] = elapsedNs
      next[size] = (next[size] + 1) % Self.remembered
    }
  }

  /// The cost at this batch size, or at the next larger one that was seen; 0 when none was.
  func estimateNs(rows: Int) -> UInt64 {
    for size in Self.size(rows)..<max(samples.count, Self.size(rows)) where !samples[size].isEmpty {
      return percentile95(samples[size])
    }
    return 0
  }

  private static func size(_ rows: Int) -> Int {
    Int.bitWidth - max(rows - 1, 0).leadingZeroBitCount
  }

  /// The ⌈0.95 n⌉-th smallest of n ≤ 32: the largest, or from 20 on the second largest.
  private func percentile95(_ samples: [UInt64]) -> UInt64 {
    var (first, second): (UInt64, UInt64) = (0, 0)
    for sample in samples {
      if sample >= first {
        (first, second) = (sample, first)
      } else {
        second = max(second, sample)
      }
    }
    return samples.count >= 20 ? second : first
  }
}
