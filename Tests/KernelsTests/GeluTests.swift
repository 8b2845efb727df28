import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Gelu, relu and the exponential")
struct ActivationTests {
  /// Numbers across the range, more than sixteen and not a multiple of it.
  static let points = (-1000...1001).map { Float($0) * 0.0123 }

  static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }

  @Test("gelu follows the exact erf to 2e-6")
  func value() {
    let x = Self.points + [-1e6, 1e6, 0]
    var y = x
    var ys = y.mutableSpan
    Gelu.forward(x.span, into: &ys)
    for (x, y) in zip(x, y) {
      #expect(abs(Double(y) - Self.gelu(Double(x))) <= 2e-6 * max(1, abs(Double(x)) * 0.2), "\(x)")
    }
    #expect(y.suffix(3) == [0, 1e6, 0])
  }

  @Test("the erf inside is exact to 1e-6")
  func erfError() {
    var y = Self.points
    var ys = y.mutableSpan
    Gelu.forward(Self.points.span, into: &ys)
    for (x, y) in zip(Self.points, y) where abs(x) > 0.01 {
      let phi = Double(y) / Double(x)
      #expect(abs(2 * phi - 1 - erf(Double(x) / 2.0.squareRoot())) < 1e-6, "\(x)")
    }
  }

  @Test("gelu's gradient is its difference quotient, and is added")
  func gradient() {
    var random = SeededGenerator(seed: 1)
    let x = Self.points
    let (dy, held) = (random.floats(x.count), random.floats(x.count))
    var dx = held
    var dxs = dx.mutableSpan
    Gelu.backward(x: x.span, dy: dy.span, dx: &dxs)
    for i in x.indices {
      let numeric = numericGradient(at: [x[i]]) { Self.gelu($0[0]) * Double(dy[i]) }[0]
      #expect(abs(Double(dx[i] - held[i]) - numeric) < 2e-6, "\(x[i])")
    }
  }

  @Test("both guided branches are combined", arguments: [0, 2, -0.5] as [Float])
  func guided(w: Float) {
    var random = SeededGenerator(seed: 2)
    let (x, c, n) = (random.floats(37), random.floats(37), random.floats(37))
    var y = x
    var ys = y.mutableSpan
    Gelu.guided(&ys, condition: c.span, none: n.span, guidance: w)
    let expected = x.indices.map { i in
      Double(1 + w) * Self.gelu(Double(x[i] + c[i])) - Double(w) * Self.gelu(Double(x[i] + n[i]))
    }
    #expect(agree(y, expected, 2e-6))
  }

  @Test("a guided gelu keeps to the exact one everywhere", arguments: [0, 2] as [Float])
  func guidedEverywhere(w: Float) {
    let none: Float = 0.25
    let far: [Float] = [-3e38, -1e6, -100, -5.5, 5.5, 100, 1e6, 3e37]
    let x = Self.points + far
    var y = x
    var ys = y.mutableSpan
    let zeros = [Float](repeating: 0, count: x.count)
    Gelu.guided(
      &ys,
      condition: zeros.span,
      none: Array(repeating: none, count: x.count).span,
      guidance: w
    )
    for (x, y) in zip(x, y) {
      let expected =
        Double(1 + w) * Self.gelu(Double(x)) - Double(w) * Self.gelu(Double(x + none))
      // Each to 4e-7, and rounded to single precision.
      let size = Double(1 + 2 * w) * max(1, abs(Double(x)))
      #expect(abs(Double(y) - expected) <= 4e-7 * Double(1 + 2 * w) + 2e-7 * size, "\(x)")
    }
    var notNumbers: [Float] = [.nan, 1]
    var span = notNumbers.mutableSpan
    Gelu.guided(&span, condition: [0, 0].span, none: [0, .nan].span, guidance: w)
    #expect(notNumbers[0].isNaN && notNumbers[1].isNaN == (w != 0))
  }

  @Test("the exponential is exact to two parts in ten million, and never leaves the normal numbers")
  func exponential() {
    let x = (-800...801).map { Float($0) * 0.1 }
    var y = x
    var ys = y.mutableSpan
    Exponential.forward(x.span, into: &ys)
    for (x, y) in zip(x, y) {
      #expect(abs(Double(y) / exp(Double(x)) - 1) < 2e-7, "\(x)")
    }
    var ends: [Float] = [-1e9, 1e9, 0]
    var span = ends.mutableSpan
    Exponential.forward([-1e9, 1e9, 0].span, into: &span)
    #expect(ends[0].isNormal && ends[0] < 1e-37 && ends[1].isNormal && ends[1] > 1e37)
    #expect(ends[2] == 1)
  }

  @Test("relu cuts, and so does its gradient")
  func relu() {
    var y: [Float] = [-2, 0, 3]
    var ys = y.mutableSpan
    Relu.forward(&ys)
    #expect(y == [0, 0, 3])
    var dy: [Float] = [5, 6, 7]
    var dys = dy.mutableSpan
    Relu.backward(y: y.span, dy: &dys)
    #expect(dy == [0, 0, 7])
  }
}
