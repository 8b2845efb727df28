import Kernels
import TestSupport
import Testing

@Suite("Attention of one query")
struct AttentionTests {
  static let shapes: [(count: Int, width: Int)] = [(1, 2), (3, 5), (10, 64), (17, 16)]

  static func weights(_ u: [Double], _ x: [Double], _ scale: Double) -> [Double] {
    SoftmaxTests.naive(
      stride(from: 0, to: x.count, by: u.count).map { base in
        scale * u.indices.reduce(0) { $0 + u[$1] * x[base + $1] }
      }
    )
  }

  @Test("weights and context agree with the definition", arguments: shapes)
  func forward(count: Int, width: Int) {
    var random = SeededGenerator(seed: 4)
    let (u, x) = (random.floats(width), random.floats(count * width))
    let (weights, context) = run(u, x)
    let expected = Self.weights(doubles(u), doubles(x), 0.7)
    #expect(agree(weights, expected, 1e-6))
    let sums = (0..<width).map { i in
      (0..<count).reduce(0) { $0 + expected[$1] * Double(x[$1 * width + i]) }
    }
    #expect(agree(context, sums, 1e-5))
  }

  @Test("a row that sums to zero is hidden, unless all are")
  func hidden() {
    #expect(run([1, 1], [1, -1, 2, 3, 0, 0]).0 == [0, 1, 0])
    #expect(run([1, 1], [0, 0, 0, 0]).0 == [0.5, 0.5])
  }

  @Test("the gradient of the scores reaches query and rows, and is added", arguments: shapes)
  func backward(count: Int, width: Int) {
    var random = SeededGenerator(seed: 6)
    let (u, x, dp) = (random.floats(width), random.floats(count * width), random.floats(count))
    var dscores = dp
    var du = [Float](repeating: 1, count: width)
    var dx = [Float](repeating: 2, count: count * width)
    let weights = run(u, x).0
    do {
      var ds = dscores.mutableSpan
      Softmax.backward(weights: weights.span, gradient: &ds)
      var dus = du.mutableSpan
      var dxs = dx.mutableSpan
      Attention.backward(
        query: u.span,
        rows: x.span,
        scale: 0.7,
        dscores: dscores.span,
        dquery: &dus,
        drows: &dxs
      )
    }
    let byU = numericGradient(at: u) { dot(Self.weights($0, doubles(x), 0.7), dp) }
    let byX = numericGradient(at: x) { dot(Self.weights(doubles(u), $0, 0.7), dp) }
    #expect(agree(du, byU.map { $0 + 1 }, 1e-5))
    #expect(agree(dx, byX.map { $0 + 2 }, 1e-5))
  }

  private func run(_ u: [Float], _ x: [Float]) -> ([Float], [Float]) {
    var weights = [Float](repeating: 0, count: x.count / u.count)
    var context = u
    weights.edit { Attention.score(query: u.span, rows: x.span, scale: 0.7, into: &$0) }
    context.edit { Attention.sum(rows: x.span, weights: weights.span, into: &$0) }
    return (weights, context)
  }
}
