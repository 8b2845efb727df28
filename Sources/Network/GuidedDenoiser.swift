internal import Diffusion
internal import Kernels

/// The model's estimate of x₀ after guidance: (1 + w)·f(x, h, t) − w·f(x, ∅, t).
///
/// What does not change from step to step is computed once: the step's part of the first layer at
/// load, the condition's when a batch begins. The second layer is linear, so it is applied to the
/// guided combination. A guided step is then one product in and, for the `mlp`, one out. The
/// `residual` adds h, guided too, and brings the sum to the length √d; so does `adaptive`, whose
/// hidden layer is ``AdaptiveInner``. With no denoiser the estimate is h.
///
/// A row's estimate has the same bits alone and in a batch of any size. Memory is allocated only
/// for a batch larger than any before.
package struct GuidedDenoiser: Denoiser, Sendable {
  package let width: Int
  /// w; 0 leaves the condition as it is.
  package let guidance: Float
  private let first: PackedMatrix
  private let condition: PackedMatrix
  private let none: [Float]
  private let steps: [Float]
  private let kind: Shape.Denoiser
  /// The second layer of `mlp` and `residual`.
  private let second: (weight: PackedMatrix, bias: [Float])?
  /// ∅, (d).
  private let noCondition: [Float]
  private var adaptive: AdaptiveInner?

  /// For every request W_h·h; or, for the linear denoiser, (1 + w)·B·h − w·B·∅. (requests, outputs)
  private var conditions: [Float] = []
  private var hidden: [Float] = []
  /// What is added at the end: (1 + w)·h − w·∅, or h. (requests, d)
  private var skip: [Float] = []

  /// Prepares the estimates at all steps below `steps`, T.
  package init(_ weights: Weights, steps: Int, guidance: Float) {
    let d = weights.shape.width
    width = d
    kind = weights.shape.denoiser
    self.guidance = guidance
    noCondition = weights[.none]
    let hasColumns = kind != .none && kind != .adaptive
    let layer = hasColumns ? FirstLayer(weights, steps: steps) : nil
    adaptive = kind == .adaptive ? AdaptiveInner(weights, steps: steps, guidance: guidance) : nil
    none = layer?.none ?? []
    self.steps = layer?.steps ?? []
    func packed(_ columns: [Float]) -> PackedMatrix {
      PackedMatrix(outputsByInputs: columns.span, outputs: columns.count / d, inputs: d)
    }
    first = packed(layer?.x ?? [])
    condition = packed(layer?.h ?? [])
    second =
      kind == .mlp || kind.addsToCondition
      ? (weights.packed(.denoiser2, inputs: 2 * d), weights[.denoiser2Bias]) : nil
  }

  /// Takes the conditions of a new batch: request r of ``estimate(_:requests:at:into:)`` is row r
  /// of `h`, (requests, d).
  package mutating func begin(conditions h: Span<Float>) {
    let outputs = none.count
    let requests = h.count / width
    precondition(h.count == requests * width)
    if kind.addsToCondition || kind == .none { keepSkip(h) }
    adaptive?.begin(conditions: h)
    if kind == .none || kind == .adaptive { return }
    conditions.resize(to: requests * outputs)
    conditions.edit { [condition] in Gemm.rows(h, condition, into: &$0) }
    if second != nil { return }
    for request in 0..<requests {
      for i in 0..<outputs {
        let term = conditions[request * outputs + i]
        conditions[request * outputs + i] = (1 + guidance) * term - guidance * none[i]
      }
    }
  }

  private mutating func keepSkip(_ h: Span<Float>) {
    skip.resize(to: h.count)
    for i in h.indices {
      skip[i] =
        kind == .none ? h[i] : (1 + guidance) * h[i] - guidance * noCondition[i % width]
    }
  }

  package mutating func estimate(
    _ x: Span<Float>,
    requests: Span<Int32>,
    at t: Int,
    into clean: inout MutableSpan<Float>
  ) {
    if kind == .none { return addSkip(requests, to: &clean, adding: false) }
    if adaptive != nil, let second {
      hidden.resize(to: requests.count * 2 * width)
      hidden.edit { adaptive?.write(x, requests: requests, at: t, into: &$0) }
      Gemm.rows(hidden.span, second.weight, bias: second.bias.span, into: &clean)
      return bringToLength(requests, &clean)
    }
    let outputs = none.count
    let step = (t * outputs)..<((t + 1) * outputs)
    guard let second else {
      Lanes.repeatRow(steps.span.extracting(step), into: &clean)
      for row in requests.indices {
        let request = Int(requests[row])
        for i in 0..<outputs { clean[row * outputs + i] += conditions[request * outputs + i] }
      }
      Gemm.rows(x, first, into: &clean, adding: true)
      return
    }
    hidden.resize(to: requests.count * outputs)
    hidden.edit { [first, steps, conditions, none, guidance] hidden in
      Lanes.repeatRow(steps.span.extracting(step), into: &hidden)
      Gemm.rows(x, first, into: &hidden, adding: true)
      for row in requests.indices {
        let request = Int(requests[row])
        var activations = hidden._mutatingExtracting((row * outputs)..<((row + 1) * outputs))
        Gelu.guided(
          &activations,
          condition: conditions.span.extracting((request * outputs)..<((request + 1) * outputs)),
          none: none.span,
          guidance: guidance
        )
      }
    }
    Gemm.rows(hidden.span, second.weight, bias: second.bias.span, into: &clean)
    if kind == .residual { bringToLength(requests, &clean) }
  }

  private func bringToLength(_ requests: Span<Int32>, _ clean: inout MutableSpan<Float>) {
    addSkip(requests, to: &clean, adding: true)
    Sphere.forward(&clean, width: width, length: Float(width).squareRoot())
  }

  private func addSkip(_ requests: Span<Int32>, to clean: inout MutableSpan<Float>, adding: Bool) {
    for row in requests.indices {
      let start = Int(requests[row]) * width
      for i in 0..<width {
        clean[row * width + i] = (adding ? clean[row * width + i] : 0) + skip[start + i]
      }
    }
  }
}
