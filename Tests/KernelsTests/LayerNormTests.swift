import Kernels
import TestSupport
import Testing

@Suite("Layer norm")
struct LayerNormTests {
  static let shapes: [(rows: Int, width: Int)] = [(1, 2), (3, 5), (2, 17), (4, 64), (2, 40)]

  static func naive(_ x: [Double], _ gainAndBias: [Double], width: Int) -> [Double] {
    stride(from: 0, to: x.count, by: width).flatMap { base in
      let row = x[base..<(base + width)]
      let mean = row.reduce(0, +) / Double(width)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      return row.enumerated().map {
        ($1 - mean) / (variance + 1e-5).squareRoot() * gainAndBias[$0] + gainAndBias[width + $0]
      }
    }
  }

  @Test("agrees with its definition, in place too", arguments: shapes)
  func forward(rows: Int, width: Int) {
    var random = SeededGenerator(seed: 1)
    let (x, parameters) = (random.floats(rows * width), random.floats(2 * width))
    var (y, moments) = (x, [Float](repeating: 0, count: 2 * rows))
    var inPlace = x
    do {
      var ys = y.mutableSpan
      var ms = moments.mutableSpan
      LayerNorm.forward(x.span, gainAndBias: parameters.span, into: &ys, moments: &ms)
      var xs = inPlace.mutableSpan
      LayerNorm.forward(&xs, gainAndBias: parameters.span)
    }
    #expect(agree(y, Self.naive(doubles(x), doubles(parameters), width: width), 2e-5))
    #expect(inPlace == y)
  }

  @Test("gradients are difference quotients, and are added", arguments: shapes)
  func backward(rows: Int, width: Int) {
    var random = SeededGenerator(seed: 2)
    let (x, parameters) = (random.floats(rows * width), random.floats(2 * width))
    let dy = random.floats(rows * width)
    var (y, moments) = (x, [Float](repeating: 0, count: 2 * rows))
    var dx = [Float](repeating: 1, count: rows * width)
    var dparameters = [Float](repeating: 2, count: 2 * width)
    do {
      var ys = y.mutableSpan
      var ms = moments.mutableSpan
      LayerNorm.forward(x.span, gainAndBias: parameters.span, into: &ys, moments: &ms)
      var dxs = dx.mutableSpan
      var dps = dparameters.mutableSpan
      LayerNorm.backward(
        x: x.span,
        gainAndBias: parameters.span,
        moments: moments.span,
        dy: dy.span,
        dx: &dxs,
        dgainAndBias: &dps
      )
    }
    let byX = numericGradient(at: x) {
      dot(Self.naive($0, doubles(parameters), width: width), dy)
    }
    let byParameters = numericGradient(at: parameters) {
      dot(Self.naive(doubles(x), $0, width: width), dy)
    }
    #expect(agree(dx, byX.map { $0 + 1 }, 2e-4))
    #expect(agree(dparameters, byParameters.map { $0 + 2 }, 2e-4))
  }
}
