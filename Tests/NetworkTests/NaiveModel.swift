import Foundation
import Network

/// The published computation written out in double precision, one session at a time.
struct NaiveModel {
  let shape: Shape
  private let tensors: [Tensor: [Double]]

  init(_ weights: Weights) {
    shape = weights.shape
    tensors = Dictionary(
      uniqueKeysWithValues: weights.tensors.map { ($0, weights[$0].map(Double.init)) }
    )
  }

  private func get(_ tensor: Tensor) -> [Double] { tensors[tensor] ?? [] }

  /// h of one session: every position's output is computed, and the last one taken.
  func encode(_ items: [Int]) -> [Double] {
    let d = shape.width
    if items.isEmpty { return norm([Double](repeating: 0, count: d), .norm3Gain, .norm3Bias) }
    let (table, positions) = (get(.items), get(.positions))
    let x = items.enumerated().map { position, item in
      (0..<d).map { table[item * d + $0] + positions[position * d + $0] }
    }
    let q = x.map { norm($0, .norm1Gain, .norm1Bias) }
    let queries = q.map { affine($0, .queryWeight, .queryBias) }
    let keys = x.map { affine($0, .keyWeight, .keyBias) }
    let values = x.map { affine($0, .valueWeight, .valueBias) }
    let rows = q.indices.map { i in
      let scores = (0...i).map { j in
        zip(queries[i], keys[j]).reduce(0) { $0 + $1.0 * $1.1 } / Double(d).squareRoot()
      }
      let powers = scores.map { exp($0 - (scores.max() ?? 0)) }
      let sum = powers.reduce(0, +)
      var y = q[i]
      for j in 0...i { for k in 0..<d { y[k] += powers[j] / sum * values[j][k] } }
      y = norm(y, .norm2Gain, .norm2Bias)
      let inner = affine(y, .feedForward1Weight, .feedForward1Bias).map { max($0, 0) }
      let outer = affine(inner, .feedForward2Weight, .feedForward2Bias)
      y = norm(zip(y, outer).map(+), .feedForwardNormGain, .feedForwardNormBias)
      return norm(y, .norm3Gain, .norm3Bias)
    }
    return rows.last ?? []
  }

  /// τ(t).
  func stepEmbedding(_ t: Int) -> [Double] {
    let half = shape.width / 2
    let angles = (0..<half).map { Double(t) * pow(10_000, -Double($0) / Double(half - 1)) }
    let hidden = affine(angles.map(sin) + angles.map(cos), .step1Weight, .step1Bias).map(gelu)
    return affine(hidden, .step2Weight, .step2Bias)
  }

  /// f(x, h, t); nil stands for ∅.
  func denoise(_ x: [Double], _ h: [Double]?, _ t: Int) -> [Double] {
    let first = affine(x + (h ?? get(.none)) + stepEmbedding(t), .denoiser1Weight, .denoiser1Bias)
    return shape.denoiser == .linear
      ? first : affine(first.map(gelu), .denoiser2Weight, .denoiser2Bias)
  }

  private func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }

  private func affine(_ x: [Double], _ weight: Tensor, _ bias: Tensor) -> [Double] {
    let (weight, bias) = (get(weight), get(bias))
    return bias.indices.map { o in
      x.indices.reduce(bias[o]) { $0 + weight[o * x.count + $1] * x[$1] }
    }
  }

  private func norm(_ x: [Double], _ gain: Tensor, _ bias: Tensor) -> [Double] {
    let (gain, bias) = (get(gain), get(bias))
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    return x.indices.map { (x[$0] - mean) / (variance + 1e-5).squareRoot() * gain[$0] + bias[$0] }
  }
}

extension Weights {
  /// Drawn weights, with norms that are not 1 and 0.
  static func drawn(_ shape: Shape, seed: UInt64 = 1) -> Weights {
    var weights = Weights(shape: shape, seed: seed)
    for (i, tensor) in [
      Tensor.norm1Gain, .norm1Bias, .norm2Gain, .norm2Bias, .norm3Gain, .norm3Bias,
      .feedForwardNormGain, .feedForwardNormBias,
    ].enumerated() {
      let noise = Weights(shape: shape, seed: seed + 100 + UInt64(i))[.none]
      weights[tensor] = zip(weights[tensor], noise).map { $0 + 0.3 * $1 }
    }
    return weights
  }
}

/// The largest difference; infinite when the sizes differ.
func distance(_ a: [Float], _ b: [Double]) -> Double {
  if a.count != b.count { return .infinity }
  return zip(a, b).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
}
