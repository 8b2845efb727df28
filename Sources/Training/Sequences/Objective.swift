internal import Glibc
internal import Network

/// What training makes small, and how the noise of an example is chosen.
package struct Objective: Equatable, Sendable {
  package enum Loss: String, CaseIterable, Sendable {
    /// The mean square of x̂₀ − x₀, as DreamRec has it.
    case meanSquare = "mse"
    /// 1 − cos(x̂₀, x₀).
    case cosine
    /// Softmax cross-entropy of the scores over the whole catalogue.
    case crossEntropy = "ce"
    /// Binary cross-entropy with one random negative, as SASRec has it.
    case binary = "bce"
  }

  package var loss = Loss.meanSquare
  /// Whether item embeddings have the length √d and scores are cosines.
  package var sphere = false
  /// What cosines are divided by before the softmax.
  package var temperature: Float = 0.1
  /// What the same loss of h counts, beside that of x̂₀.
  package var encoderWeight: Float = 0
  /// What the mean square of x̂₀ − x₀ counts, beside a ranking loss.
  package var squareWeight: Float = 0
  /// Items drawn for each update that the softmax tells a target apart from; 0 for all there are.
  package var candidates = 0
  /// Whether items of the history are told apart from nothing: for clicks that never repeat.
  package var excludesSeen = false
  /// Whether only the denoiser learns, and items and encoder stay as they are.
  package var freezesEncoder = false
  /// What the mean square of x̂₀ at t less x̂₀ at t − 1 counts, for the same noise: TA-Rec's
  /// consistency (2025, equation 8).
  package var consistencyWeight: Float = 0
  /// What the preference for the target over the mean of the batch's others counts (PreferDiff,
  /// 2025).
  package var preferenceWeight: Float = 0
  /// How sharply that preference tells their errors apart, γ.
  package var preferenceSlope: Float = 1
  /// t = T·(1 − uᵏ) for uniform u: above 1 it draws t towards pure noise.
  package var noiseBias: Float = 1

  /// The deviation of item and position embeddings at the start; 1 as published.
  ///
  /// On the sphere it sets how fast an embedding turns: an update moves it by about the rate.
  package var spread: Float = 1

  package init() {}

  /// The published objective of the published model is learned example by example.
  package var isPublished: Bool { self == Objective() }

  /// Weights as they were drawn, with the objective's spread.
  func begun(_ weights: Weights) -> Weights {
    if spread == 1 { return weights }
    var weights = weights
    for tensor in [Tensor.items, .positions] {
      for i in weights.range(tensor) { weights.values[i] *= spread }
    }
    return weights
  }

  /// The step t of T for a uniform share u in [0, 1).
  func step(_ u: Float, of steps: Int) -> Int32 {
    Int32(max(0, min(steps - 1, Int(Float(steps) * (1 - pow(u, noiseBias))))))
  }

  /// Every problem of the values for a model with this denoiser, in words.
  func problems(of denoiser: Shape.Denoiser) -> [String] {
    var problems = unusedSettings(of: denoiser)
    if !(temperature > 0 && temperature <= 10) {
      problems.append("temperature is \(temperature); it wants a number above 0, at most 10")
    }
    let weights = [
      ("encoder weight", encoderWeight), ("square weight", squareWeight),
      ("consistency weight", consistencyWeight), ("preference weight", preferenceWeight),
      ("preference slope", preferenceSlope),
    ]
    for (name, weight) in weights
    where !(0...1000).contains(weight) {
      problems.append("\(name) is \(weight); it wants 0 to 1000")
    }
    if !(0...10_000_000).contains(candidates) {
      problems.append("candidates is \(candidates); it wants 0 to 10000000")
    }
    if !(0.1...10).contains(noiseBias) {
      problems.append("noise bias is \(noiseBias); it wants 0.1 to 10")
    }
    if !(0.0001...10).contains(spread) {
      problems.append("spread is \(spread); it wants 0.0001 to 10")
    }
    return problems
  }

  /// What was asked for, and would change nothing.
  private func unusedSettings(of denoiser: Shape.Denoiser) -> [String] {
    let hasDenoiser = denoiser != .none
    let ranks = loss == .crossEntropy || loss == .binary
    let softmax = "the loss ce, whose softmax it is of"
    let rules: [(String, isSet: Bool, isUsed: Bool, wants: String)] = [
      ("loss \(loss.rawValue)", true, ranks || hasDenoiser, "a denoiser; without take ce or bce"),
      ("encoder weight", encoderWeight != 0, ranks && hasDenoiser, "a denoiser, and ce or bce"),
      ("exclude seen", excludesSeen, loss == .crossEntropy, softmax),
      ("candidates", candidates != 0, loss == .crossEntropy, softmax),
      ("temperature", temperature != 0.1, sphere && loss == .crossEntropy, "ce on the sphere"),
      ("square weight", squareWeight != 0, hasDenoiser, "a denoiser"),
      ("consistency weight", consistencyWeight != 0, hasDenoiser, "a denoiser"),
      ("preference weight", preferenceWeight != 0, hasDenoiser, "a denoiser"),
      ("preference slope", preferenceSlope != 1, preferenceWeight != 0, "a preference weight"),
      ("noise bias", noiseBias != 1, hasDenoiser, "a denoiser"),
      ("freeze encoder", freezesEncoder, hasDenoiser, "a denoiser"),
    ]
    return rules.filter { $0.isSet && !$0.isUsed }.map { "\($0.0) wants \($0.wants)" }
  }

  /// What a checkpoint must agree with, and a manifest records.
  package var fields: [String: String] {
    [
      "loss": loss.rawValue, "sphere": "\(sphere)", "temperature": "\(temperature)",
      "encoder_weight": "\(encoderWeight)", "square_weight": "\(squareWeight)",
      "consistency_weight": "\(consistencyWeight)", "preference_weight": "\(preferenceWeight)",
      "preference_slope": "\(preferenceSlope)", "candidates": "\(candidates)",
      "exclude_seen": "\(excludesSeen)", "freeze_encoder": "\(freezesEncoder)",
      "noise_bias": "\(noiseBias)", "spread": "\(spread)",
    ]
  }
}
