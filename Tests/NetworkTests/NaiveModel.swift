import Foundation
@testable import Network

/// The published computation written out in double precision, one session at a time.
struct NaiveModel {
  let shape: Shape
  private let tensors: [BlockTensor: [Double]]

  init(_ weights: Weights) {
    shape = weights.shape
    tensors = Dictionary(
      uniqueKeysWithValues: weights.shape.tensors.map {
        ($0, weights.values[weights.range($0)].map(Double.init))
      }
    )
  }

  private func get(_ tensor: Tensor, _ block: Int = 0) -> [Double] {
    tensors[BlockTensor(tensor: tensor, block: block)] ?? []
  }

  /// h of one session: every position's output is computed, and the last one taken.
  func encode(_ items: [Int]) -> [Double] {
    let d = shape.width
    if items.isEmpty { return norm([Double](repeating: 0, count: d), .norm3Gain, .norm3Bias) }
    let (table, positions) = (get(.items), get(.positions))
    var x = items.enumerated().map { position, item in
      (0..<d).map { table[item * d + $0] + positions[position * d + $0] }
    }
    for block in 0..<shape.blocks { x = run(block, x) }
    return norm(x.last ?? [], .norm3Gain, .norm3Bias)
  }

  /// What a block makes of the rows of a session.
  private func run(_ block: Int, _ x: [[Double]]) -> [[Double]] {
    let q = x.map { norm($0, .norm1Gain, .norm1Bias, block) }
    let queries = q.map { affine($0, .queryWeight, .queryBias, block) }
    let keys = x.map { affine($0, .keyWeight, .keyBias, block) }
    let values = x.map { affine($0, .valueWeight, .valueBias, block) }
    return q.indices.map { i in
      var y = q[i]
      for head in 0..<shape.heads {
        let width = shape.width / shape.heads
        let columns = (head * width)..<((head + 1) * width)
        let scores = (0...i).map { j in
          columns.reduce(0) { $0 + queries[i][$1] * keys[j][$1] } / Double(width).squareRoot()
        }
        let powers = scores.map { exp($0 - (scores.max() ?? 0)) }
        let sum = powers.reduce(0, +)
        for j in 0...i { for k in columns { y[k] += powers[j] / sum * values[j][k] } }
      }
      y = norm(y, .norm2Gain, .norm2Bias, block)
      let inner = affine(y, .feedForward1Weight, .feedForward1Bias, block).map { max($0, 0) }
      let outer = affine(inner, .feedForward2Weight, .feedForward2Bias, block)
      return norm(zip(y, outer).map(+), .feedForwardNormGain, .feedForwardNormBias, block)
    }
  }

  /// τ(t).
  func stepEmbedding(_ t: Int) -> [Double] {
    let half = shape.width / 2
    let angles = (0..<half).map { Double(t) * pow(10_000, -Double($0) / Double(half - 1)) }
    let hidden = affine(angles.map(sin) + angles.map(cos), .step1Weight, .step1Bias).map(gelu)
    return affine(hidden, .step2Weight, .step2Bias)
  }

  /// (1 + w)·f(x, h, t) − w·f(x, ∅, t); of the residual, that sum brought to the length √d.
  func guided(_ x: [Double], _ h: [Double], _ t: Int, _ w: Double) -> [Double] {
    if shape.denoiser == .none { return h }
    let estimate = zip(denoise(x, h, t), denoise(x, nil, t)).map { (1 + w) * $0 - w * $1 }
    if !shape.denoiser.addsToCondition { return estimate }
    let norm = estimate.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return estimate.map { $0 * Double(shape.width).squareRoot() / norm }
  }

  /// f(x, h, t); nil stands for ∅.
  func denoise(_ x: [Double], _ h: [Double]?, _ t: Int) -> [Double] {
    let h = h ?? get(.none)
    if shape.denoiser == .adaptive {
      let maps = affine(h + stepEmbedding(t), .adaptiveWeight, .adaptiveBias)
      let normal = norm(x, .adaptiveNormGain, .adaptiveNormBias)
      let moved = x.indices.map { normal[$0] * (1 + maps[$0]) + maps[x.count + $0] }
      let inner = affine(moved, .denoiser1Weight, .denoiser1Bias).map(gelu)
      return zip(h, affine(inner, .denoiser2Weight, .denoiser2Bias)).map(+)
    }
    let first = affine(x + h + stepEmbedding(t), .denoiser1Weight, .denoiser1Bias)
    if shape.denoiser == .linear { return first }
    let second = affine(first.map(gelu), .denoiser2Weight, .denoiser2Bias)
    return shape.denoiser == .mlp ? second : zip(h, second).map(+)
  }

  private func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }

  private func affine(
    _ x: [Double],
    _ weight: Tensor,
    _ bias: Tensor,
    _ block: Int = 0
  ) -> [Double] {
    let (weight, bias) = (get(weight, block), get(bias, block))
    return bias.indices.map { o in
      x.indices.reduce(bias[o]) { $0 + weight[o * x.count + $1] * x[$1] }
    }
  }

  private func norm(
    _ x: [Double],
    _ gain: Tensor,
    _ bias: Tensor,
    _ block: Int = 0
  ) -> [Double] {
    let (gain, bias) = (get(gain, block), get(bias, block))
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    return x.indices.map { (x[$0] - mean) / (variance + 1e-5).squareRoot() * gain[$0] + bias[$0] }
  }
}

extension Weights {
  /// Drawn weights, with norms that are not 1 and 0, and a residual that is not 0.
  static func drawn(_ shape: Shape, seed: UInt64 = 1) -> Weights {
    var weights = Weights(shape: shape, seed: seed)
    let noise = Weights(shape: shape, seed: seed + 100).values
    for tensor in shape.tensors {
      let isNorm = tensor.tensor.rawValue.contains(#/ln_|norm|adaptive/#)
      let adds = shape.denoiser.addsToCondition
      let isZero = adds && tensor.tensor.rawValue.contains("diffuser.2")
      if !isNorm && !isZero { continue }
      for i in weights.range(tensor) { weights.values[i] += 0.3 * sin(noise[i] + Float(i)) }
    }
    return weights
  }
}

/// The largest difference; infinite when the sizes differ.
func distance(_ a: [Float], _ b: [Double]) -> Double {
  if a.count != b.count { return .infinity }
  return zip(a, b).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
}
