import Diffusion
import Foundation
import Testing

@Suite("Noise")
struct NoiseTests {
  /// The known answers that the authors publish with Random123.
  @Test("Philox gives its known answers")
  func knownAnswers() {
    #expect(
      Philox.words((0, 0, 0, 0), key: (0, 0))
        == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8)
    )
    let ones = UInt32.max
    #expect(
      Philox.words((ones, ones, ones, ones), key: (ones, ones))
        == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD)
    )
    #expect(
      Philox.words(
        (0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
        key: (0xA409_3822, 0x299F_31D0)
      ) == (0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1)
    )
  }

  @Test("the hash of a user is pinned, and every byte counts")
  func hash() {
    #expect(stableHash("") == 17_665_956_581_633_026_203)
    #expect(stableHash("user-42") == 8_797_103_408_588_478_355)
    #expect(stableHash("ab") != stableHash("ba"))
  }

  @Test("logarithm, root and rotations are exact to a few last places")
  func elementary() {
    var worstLog = 0.0
    var worstTurn = 0.0
    var worstRoot = 0.0
    for i in 1..<100_000 {
      let u = Float(i) / 100_000
      let exact = Foundation.log(Double(u))
      worstLog = max(worstLog, abs(Double(Noise.logarithm(u)) / exact - 1))
      let root = Double(u * 45).squareRoot()
      worstRoot = max(worstRoot, abs(Double(Noise.squareRoot(u * 45)) / root - 1))
      let angle = (u * 2 - 1) * .pi / 4
      let (cosine, sine) = Noise.cosineAndSine(angle)
      worstTurn = max(worstTurn, abs(Double(cosine) - cos(Double(angle))))
      worstTurn = max(worstTurn, abs(Double(sine) - sin(Double(angle))))
    }
    #expect(worstLog < 3e-7)
    #expect(worstRoot < 3e-7)
    #expect(worstTurn < 1.2e-7)
    #expect(Noise.squareRoot(0) == 0)
    #expect(Noise.logarithm(1) == 0)
    #expect(abs(Noise.logarithm(0x1p-32) + 22.180_71) < 1e-5)
  }

  @Test("Box and Muller's radius stays finite, and the four axes are met")
  func corners() {
    let axes: [(UInt32, Float, Float)] = [
      (0, 1, 0), (0x4000_0000, 0, 1), (0x8000_0000, -1, 0), (0xC000_0000, 0, -1),
    ]
    let radius = (2 * Float(22.180_71)).squareRoot()
    for (angle, x, y) in axes {
      let (a, b) = Noise.boxMuller(0, angle)
      #expect(abs(a - radius * x) < 1e-5)
      #expect(abs(b - radius * y) < 1e-5)
    }
    #expect(Noise.boxMuller(.max, 0) == (0, 0))
  }

  private func draw(_ key: NoiseKey, _ draw: Int, count: Int) -> [Float] {
    var values = [Float](repeating: .nan, count: count)
    var span = values.mutableSpan
    Noise.fill(&span, key: key, draw: draw)
    return values
  }

  @Test("moments and tails are the normal's, and lanes are not correlated")
  func moments() {
    let count = 400_000
    let values = draw(NoiseKey(seed: 1, user: 2, position: 3), 0, count: count).map(Double.init)
    let n = Double(count)
    func mean(_ f: (Double) -> Double) -> Double { values.reduce(0) { $0 + f($1) } / n }
    // Four standard errors of each.
    #expect(abs(mean { $0 }) < 4 / n.squareRoot())
    #expect(abs(mean { $0 * $0 } - 1) < 4 * (2 / n).squareRoot())
    #expect(abs(mean { $0 * $0 * $0 }) < 4 * (15 / n).squareRoot())
    #expect(abs(mean { $0 * $0 * $0 * $0 } - 3) < 4 * (96 / n).squareRoot())
    for (bound, share) in [(1.0, 0.317_310_5), (2, 0.045_500_3), (3, 0.002_699_8)] {
      let found = Double(values.count { abs($0) > bound }) / n
      #expect(abs(found - share) < 4 * (share / n).squareRoot(), "beyond \(bound)")
    }
    for lag in [1, 2, 16, 32, 48, 64] {
      let product = zip(values, values.dropFirst(lag)).reduce(0) { $0 + $1.0 * $1.1 } / n
      #expect(abs(product) < 4 / n.squareRoot(), "lag \(lag)")
    }
  }

  @Test("every part of the key changes every lane")
  func keyed() {
    let key = NoiseKey(seed: 7, user: 8, position: 9)
    let values = draw(key, 3, count: 64)
    #expect(Set(values).count == 64)
    let others = [
      draw(key, 4, count: 64),
      draw(NoiseKey(seed: 8, user: 8, position: 9), 3, count: 64),
      draw(NoiseKey(seed: 7 | 1 << 40, user: 8, position: 9), 3, count: 64),
      draw(NoiseKey(seed: 7, user: 9, position: 9), 3, count: 64),
      draw(NoiseKey(seed: 7, user: 9, position: 8), 3, count: 64),
      draw(NoiseKey(seed: 7, user: 8, position: 10), 3, count: 64),
    ]
    for other in others { #expect(zip(values, other).allSatisfy { $0 != $1 }) }
    #expect(Set(others.map { $0[0] }).count == others.count)
  }

  @Test("a lane does not depend on how many are drawn", arguments: [1, 3, 16, 63, 64, 65, 200])
  func prefix(count: Int) {
    let key = NoiseKey(seed: 7, user: 8, position: 9)
    #expect(draw(key, 0, count: count) == Array(draw(key, 0, count: 256).prefix(count)))
  }

  @Test("the bits are pinned: a replay next year draws the same noise")
  func pinned() {
    let bits = draw(NoiseKey(seed: 1, user: 2, position: 3), 4, count: 128).map(\.bitPattern)
    let digest = bits.reduce(UInt64(0)) { ($0 &* 31) &+ UInt64($1) }
    #expect(digest == 4_387_793_585_321_214_059)
  }
}
