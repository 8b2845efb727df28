import Diffusion
import Kernels
import Network
import Testing

@Suite("Guided denoiser")
struct GuidedDenoiserTests {
  static let shapes = [
    Shape(items: 3, length: 2, width: 6, denoiser: .linear),
    Shape(items: 3, length: 2, width: 6, denoiser: .mlp),
    Shape(items: 3, length: 2, width: 64, denoiser: .linear),
    Shape(items: 3, length: 2, width: 64, denoiser: .mlp),
    Shape(items: 3, length: 2, width: 6, denoiser: .residual),
    Shape(items: 3, length: 2, width: 64, denoiser: .residual),
    Shape(items: 3, length: 2, width: 6, denoiser: .adaptive),
    Shape(items: 3, length: 2, width: 64, denoiser: .adaptive),
    Shape(items: 3, length: 2, width: 6, denoiser: .none),
  ]

  static func noise(_ count: Int, seed: UInt64) -> [Float] {
    var noise = [Float](repeating: 0, count: count)
    noise.edit { Noise.fill(&$0, key: NoiseKey(seed: seed, user: 0, position: 0), draw: 0) }
    return noise
  }

  @Test(
    "follows (1 + w)·f(x, h, t) − w·f(x, ∅, t), or h where there is nothing to follow",
    arguments: shapes,
    [0, 2, -1] as [Float]
  )
  func guided(shape: Shape, w: Float) {
    let weights = Weights.drawn(shape)
    let (model, d) = (NaiveModel(weights), shape.width)
    let (x, h) = (Self.noise(3 * d, seed: 1), Self.noise(4 * d, seed: 2))
    let requests: [Int32] = [3, 0, 2]
    var denoiser = GuidedDenoiser(weights, steps: 20, guidance: w)
    denoiser.begin(conditions: h.span)
    for t in [0, 7, 19] {
      var clean = x
      clean.edit { denoiser.estimate(x.span, requests: requests.span, at: t, into: &$0) }
      let expected = requests.enumerated().flatMap { row, request in
        let x = x[(row * d)..<(row * d + d)].map(Double.init)
        let h = h[(Int(request) * d)..<(Int(request) * d + d)].map(Double.init)
        return model.guided(x, h, t, Double(w))
      }
      #expect(distance(clean, expected) < 2e-5, "step \(t)")
    }
  }

  @Test("an estimate has the same bits alone and in a batch of any size", arguments: shapes)
  func batchIndependent(shape: Shape) {
    let d = shape.width
    var denoiser = GuidedDenoiser(Weights.drawn(shape), steps: 4, guidance: 2)
    let (x, h) = (Self.noise(20 * d, seed: 1), Self.noise(20 * d, seed: 2))
    func estimate(_ rows: Range<Int>) -> [UInt32] {
      let elements = (rows.lowerBound * d)..<(rows.upperBound * d)
      denoiser.begin(conditions: h.span.extracting(elements))
      var clean = Array(x[elements])
      let requests = (0..<Int32(rows.count)).map(\.self)
      clean.edit {
        denoiser.estimate(x.span.extracting(elements), requests: requests.span, at: 3, into: &$0)
      }
      return clean.map(\.bitPattern)
    }
    let alone = (0..<20).flatMap { estimate($0..<($0 + 1)) }
    for count in 2...20 { #expect(estimate((20 - count)..<20) == alone.suffix(count * d)) }
  }

  @Test("only a linear denoiser has linear parts, and they make up its estimate")
  func parts() throws {
    #expect(LinearDenoiserParts(Weights.drawn(Self.shapes[1]), steps: 3) == nil)
    let weights = Weights.drawn(Self.shapes[0])
    let parts = try #require(LinearDenoiserParts(weights, steps: 3))
    let (x, h) = (Self.noise(6, seed: 1).map(Double.init), Self.noise(6, seed: 2).map(Double.init))
    func sum(_ term: (Int) -> Double) -> [Float] { (0..<6).map { Float(term($0)) } }
    func product(_ matrix: [Float], _ v: [Double], _ i: Int) -> Double {
      (0..<6).reduce(0) { $0 + Double(matrix[i * 6 + $1]) * v[$1] }
    }
    let conditional = sum {
      product(parts.a, x, $0) + product(parts.b, h, $0) + Double(parts.steps[2 * 6 + $0])
    }
    let unconditional = sum {
      product(parts.a, x, $0) + Double(parts.none[$0]) + Double(parts.steps[2 * 6 + $0])
    }
    let model = NaiveModel(weights)
    #expect(distance(conditional, model.denoise(x, h, 2)) < 1e-5)
    #expect(distance(unconditional, model.denoise(x, nil, 2)) < 1e-5)
  }

  @Test("the step table holds τ(t)", arguments: [shapes[0], shapes[3]])
  func steps(shape: Shape) {
    let weights = Weights.drawn(shape)
    let model = NaiveModel(weights)
    let table = StepEmbedding.table(weights, steps: 30)
    #expect(distance(table, (0..<30).flatMap(model.stepEmbedding)) < 1e-5)
  }
}
