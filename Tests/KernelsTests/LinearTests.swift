import Kernels
import TestSupport
import Testing

@Suite("Linear")
struct LinearTests {
  static let shapes: [(rows: Int, inputs: Int, outputs: Int)] = [(1, 1, 1), (3, 5, 2), (7, 16, 33)]

  static func naive(_ x: [Double], _ w: [Double], _ inputs: Int) -> [Double] {
    let outputs = w.count / (inputs + 1)
    return stride(from: 0, to: x.count, by: inputs).flatMap { base in
      (0..<outputs).map { o in
        (0..<inputs).reduce(w[outputs * inputs + o]) { $0 + x[base + $1] * w[o * inputs + $1] }
      }
    }
  }

  @Test("forward and both gradients agree with the definition", arguments: shapes)
  func gradients(rows: Int, inputs: Int, outputs: Int) {
    var random = SeededGenerator(seed: 5)
    let (x, w) = (random.floats(rows * inputs), random.floats(outputs * (inputs + 1)))
    let dy = random.floats(rows * outputs)
    var y = [Float](repeating: 9, count: rows * outputs)
    var dx = [Float](repeating: 1, count: x.count)
    var dw = [Float](repeating: 2, count: w.count)
    do {
      var ys = y.mutableSpan
      Linear.forward(x.span, weightAndBias: w.span, inputs: inputs, into: &ys)
      var dxs = dx.mutableSpan
      Linear.backward(dy: dy.span, weightAndBias: w.span, inputs: inputs, dx: &dxs)
      var dws = dw.mutableSpan
      Linear.backward(x: x.span, dy: dy.span, inputs: inputs, dweightAndBias: &dws)
    }
    #expect(agree(y, Self.naive(doubles(x), doubles(w), inputs), 1e-5))
    let byX = numericGradient(at: x) { dot(Self.naive($0, doubles(w), inputs), dy) }
    let byW = numericGradient(at: w) { dot(Self.naive(doubles(x), $0, inputs), dy) }
    #expect(agree(dx, byX.map { $0 + 1 }, 1e-5))
    #expect(agree(dw, byW.map { $0 + 2 }, 1e-5))
  }
}
