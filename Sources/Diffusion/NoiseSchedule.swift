internal import Glibc

/// How much noise each of the steps t = 0 ..< T adds, and what the reverse process makes of it.
///
/// `xₜ = √ᾱₜ · x₀ + √(1 − ᾱₜ) · ε` with ᾱₜ = Π (1 − βₛ) over s ≤ t (Ho, Jain and Abbeel 2020,
/// equation 4). So step 0 is already a little noisy, and step T − 1 is nearly pure noise.
///
/// The published models were trained with β in single precision, products in double, and
/// coefficients in single again, so this is done here too: near t = 0, where 1 − ᾱₜ is small,
/// tables made in double throughout differ from theirs by 1e-4.
package struct NoiseSchedule: Sendable {
  /// A curve of β over t, by the name that DreamRec's settings use.
  package enum Name: String, Codable, CaseIterable, Sendable {
    /// β from 1e-4 to 0.02 in a straight line.
    case linear
    /// ᾱ is a squared cosine (Nichol and Dhariwal 2021), s = 0.008, β clipped to [1e-4, 0.9999].
    case cosine
    /// 1 − β is e to a straight line: the variance-preserving SDE of Song and others (2021).
    case exp
    /// ᾱ(u) = 1 − √(u + 1e-4) with u = t/T (Li and others 2022), β at most 0.999.
    case sqrt
  }

  /// What a model's manifest says of its schedule.
  package struct Description: Codable, Equatable, Sendable {
    package var name: Name
    /// The number of steps, T.
    package var steps: Int

    package init(name: Name, steps: Int) {
      self.name = name
      self.steps = steps
    }
  }

  /// The numbers of steps a schedule may have.
  package static let limits = 2...10_000

  /// βₜ, the share of noise that step t adds; (T).
  package let beta: [Float]
  /// ᾱₜ, the share of the variance that is still signal; (T), falling.
  package let signal: [Float]
  /// c₁(t), the weight of x̂₀ in the posterior's mean; (T), equation 7.
  package let cleanWeight: [Float]
  /// c₂(t), the weight of xₜ in the posterior's mean; (T), 0 at t = 0.
  package let noisyWeight: [Float]
  /// β̃ₜ, the posterior's variance; (T), 0 at t = 0.
  package let variance: [Float]

  /// The number of steps, T.
  package var steps: Int { beta.count }

  package init(_ description: Description) throws(DiffusionFailure) {
    let steps = description.steps
    guard Self.limits.contains(steps) else {
      throw DiffusionFailure(
        reason: """
          a noise schedule has \(Self.limits.lowerBound) to \(Self.limits.upperBound) steps, \
          not \(steps)
          """
      )
    }
    try self.init(beta: betas(description.name, steps: steps))
  }

  /// Makes the tables that follow from β (T).
  package init(beta: [Float]) throws(DiffusionFailure) {
    guard !beta.isEmpty, beta.allSatisfy({ 0 < $0 && $0 < 1 }) else {
      throw DiffusionFailure(reason: "every β of a noise schedule lies between 0 and 1")
    }
    self.beta = beta
    var left = 1.0
    signal = beta.map { beta in
      left *= Double(1 - beta)
      return Float(left)
    }
    let signalBefore = [1] + signal.dropLast()
    let indices = beta.indices
    cleanWeight = indices.map { [signal] in
      beta[$0] * signalBefore[$0].squareRoot() / (1 - signal[$0])
    }
    noisyWeight = indices.map { [signal] in
      (1 - signalBefore[$0]) * (1 - beta[$0]).squareRoot() / (1 - signal[$0])
    }
    variance = indices.map { [signal] in
      beta[$0] * (1 - signalBefore[$0]) / (1 - signal[$0])
    }
  }
}

private func betas(_ name: NoiseSchedule.Name, steps: Int) -> [Float] {
  let count = Float(steps)
  switch name {
  case .linear:
    return evenlySpaced(from: 1e-4, through: 0.02, count: steps)
  case .cosine:
    let share = evenlySpaced(from: 0, through: count, count: steps + 1).map { step in
      let angle = (step / count + 0.008) / 1.008 * Float(Double.pi) * 0.5
      return Float(cos(Double(angle)))
    }
    let signal = share.map { $0 * $0 / (share[0] * share[0]) }
    return zip(signal, signal.dropFirst()).map { before, after in
      min(max(1 - after / before, 1e-4), 0.9999)
    }
  case .exp:
    return evenlySpaced(from: 1, through: 2 * count + 1, count: steps).map { x in
      let exponent = Float(-0.1 / Double(steps)) - x * 0.5 * 9.9 / (count * count)
      return 1 - Float(exp(Double(exponent)))
    }
  case .sqrt:
    func signal(_ step: Int) -> Double {
      1 - (Double(step) / Double(steps) + 1e-4).squareRoot()
    }
    return (0..<steps).map { Float(min(1 - signal($0 + 1) / signal($0), 0.999)) }
  }
}

/// `count` > 1 values from `first` through `last`: fused, and from either end to the middle.
///
/// PyTorch's `linspace` to the bit, which the posterior's coefficients at small t need.
func evenlySpaced(from first: Float, through last: Float, count: Int) -> [Float] {
  let step = (last - first) / Float(count - 1)
  return (0..<count).map { i in
    i < count / 2
      ? first.addingProduct(step, Float(i))
      : last.addingProduct(-step, Float(count - 1 - i))
  }
}
