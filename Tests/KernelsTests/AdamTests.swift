import Kernels
import TestSupport
import Testing

@Suite("Adam")
struct AdamTests {
  @Test("follows its definition over several updates", arguments: [3, 16, 37])
  func update(count: Int) {
    var random = SeededGenerator(seed: 9)
    var parameters = random.floats(count)
    var (first, second) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
    var (p, m, v) = (doubles(parameters), doubles(first), doubles(second))
    for k in 1...5 {
      // Gradients from nothing to large: ε counts, and the root must not.
      let gradient = random.floats(count).enumerated().map { $1 * [0, 1e-9, 1e-3, 1e3][$0 % 4] }
      let (corrected1, corrected2) = (1 - pow(0.9, k), 1 - pow(0.999, k))
      let update = Adam.Update(
        newFirst: 0.1,
        newSecond: 0.001,
        shrink: 0.99,
        stride: Float(0.01 / corrected1),
        rootScale: Float(1 / corrected2.squareRoot()),
        epsilon: 1e-8
      )
      do {
        var ps = parameters.mutableSpan
        var ms = first.mutableSpan
        var vs = second.mutableSpan
        Adam.update(&ps, first: &ms, second: &vs, gradient: gradient.span, by: update)
      }
      for i in 0..<count {
        let g = Double(gradient[i])
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        let root = (v[i] / corrected2).squareRoot()
        p[i] = 0.99 * p[i] - 0.01 / corrected1 * m[i] / (root + 1e-8)
      }
    }
    #expect(agree(parameters, p, 2e-6))
    #expect(zip(first, m).allSatisfy { abs(Double($0) - $1) <= 1e-5 * abs($1) + 1e-5 })
    #expect(zip(second, v).allSatisfy { abs(Double($0) - $1) <= 1e-5 * abs($1) + 1e-30 })
  }

  private func pow(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { power, _ in power * base }
  }
}
