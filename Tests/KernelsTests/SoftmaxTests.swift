import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Softmax")
struct SoftmaxTests {
  static func naive(_ x: [Double]) -> [Double] {
    let highest = x.max() ?? 0
    let powers = x.map { exp($0 - highest) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  @Test("weights sum to one and follow the definition", arguments: [1, 3, 10, 16, 17, 40])
  func forward(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let x = random.floats(count).map { 20 * $0 }
    var p = x
    var ps = p.mutableSpan
    Softmax.forward(&ps)
    #expect(agree(p, Self.naive(doubles(x)), 1e-6))
  }

  @Test("a hidden score gets no weight, and a row of them becomes zeros")
  func hidden() {
    var p: [Float] = [1, -.infinity, 1]
    var ps = p.mutableSpan
    Softmax.forward(&ps)
    #expect(p == [0.5, 0, 0.5])
    var none: [Float] = [-.infinity, -.infinity]
    var span = none.mutableSpan
    Softmax.forward(&span)
    #expect(none == [0, 0])
  }

  @Test("the gradient is the difference quotient", arguments: [1, 4, 21])
  func backward(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let (x, dy) = (random.floats(count), random.floats(count))
    var (p, g) = (x, dy)
    do {
      var ps = p.mutableSpan
      Softmax.forward(&ps)
      var gs = g.mutableSpan
      Softmax.backward(weights: p.span, gradient: &gs)
    }
    #expect(agree(g, numericGradient(at: x) { dot(Self.naive($0), dy) }, 1e-5))
  }
}
