internal import Kernels

/// The hidden layer of an adaptive denoiser after guidance: (1 + w)·g(h) − w·g(∅) with
/// g(h) = GELU(W₁(n ⊙ (1 + γ) + β) + b₁), n the normalised x, and [γ ‖ β] = W[h ‖ τ(t)] + b.
///
/// The step's part of scale and shift is computed at load, the condition's when a batch begins.
struct AdaptiveInner: Sendable {
  private let width: Int
  private let guidance: Float
  private let norm: [Float]
  private let inner: PackedMatrix
  private let innerBias: [Float]
  /// W's columns for h.
  private let condition: PackedMatrix
  /// W_h·∅, (2d), and W_τ·τ(t) + b for every step, (T, 2d).
  private let none: [Float]
  private let steps: [Float]

  /// W_h·h of each request, (requests, 2d).
  private var conditions: [Float] = []
  private var normal: [Float] = []
  private var modulated: [Float] = []
  private var first: [Float] = []
  private var unguided: [Float] = []

  init(_ weights: Weights, steps count: Int, guidance: Float) {
    let d = weights.shape.width
    width = d
    self.guidance = guidance
    norm = Array(weights.values[weights.range(.adaptiveNorm)])
    inner = weights.packed(.denoiser1, inputs: d)
    innerBias = weights[.denoiser1Bias]
    let (weight, bias) = (weights[.adaptiveWeight], weights[.adaptiveBias])
    func columns(_ part: Int) -> PackedMatrix {
      var rows: [Float] = []
      for row in 0..<(2 * d) {
        let start = (2 * row + part) * d
        rows += weight[start..<(start + d)]
      }
      return PackedMatrix(outputsByInputs: rows.span, outputs: 2 * d, inputs: d)
    }
    func product(_ input: [Float], _ matrix: PackedMatrix, bias: [Float]) -> [Float] {
      var output = [Float](repeating: 0, count: input.count / d * 2 * d)
      output.edit { Gemm.rows(input.span, matrix, bias: bias.span, into: &$0) }
      return output
    }
    condition = columns(0)
    none = product(weights[.none], condition, bias: [Float](repeating: 0, count: 2 * d))
    steps = product(StepEmbedding.table(weights, steps: count), columns(1), bias: bias)
  }

  mutating func begin(conditions h: Span<Float>) {
    conditions.resize(to: 2 * h.count)
    conditions.edit { [condition] in Gemm.rows(h, condition, into: &$0) }
  }

  /// Writes the hidden layer of rows at step t, (rows, 2d).
  mutating func write(
    _ x: Span<Float>,
    requests: Span<Int32>,
    at t: Int,
    into hidden: inout MutableSpan<Float>
  ) {
    normal.resize(to: x.count)
    normal.edit { [norm] rows in
      for i in x.indices { rows[i] = x[i] }
      LayerNorm.forward(&rows, gainAndBias: norm.span)
    }
    branch(requests, at: t, isConditional: true, into: &hidden)
    if guidance == 0 { return }
    var other: [Float] = []
    swap(&other, &unguided)
    other.resize(to: hidden.count)
    other.edit { branch(requests, at: t, isConditional: false, into: &$0) }
    for i in hidden.indices { hidden[i] = (1 + guidance) * hidden[i] - guidance * other[i] }
    swap(&other, &unguided)
  }

  private mutating func branch(
    _ requests: Span<Int32>,
    at t: Int,
    isConditional: Bool,
    into hidden: inout MutableSpan<Float>
  ) {
    let d = width
    modulated.resize(to: requests.count * d)
    modulated.edit { [conditions, none, steps, normal] rows in
      let step = steps.span.extracting((2 * t * d)..<(2 * (t + 1) * d))
      for row in requests.indices {
        let start = isConditional ? 2 * Int(requests[row]) * d : 0
        let own = (isConditional ? conditions.span : none.span).extracting(start..<(start + 2 * d))
        for i in 0..<d {
          let at = row * d + i
          rows[at] = normal[at] * (1 + own[i] + step[i]) + own[d + i] + step[d + i]
        }
      }
    }
    first.resize(to: hidden.count)
    first.edit { [modulated, inner, innerBias] in
      Gemm.rows(modulated.span, inner, bias: innerBias.span, into: &$0)
    }
    Gelu.forward(first.span, into: &hidden)
  }
}
