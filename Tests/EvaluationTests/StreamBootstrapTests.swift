import Testing

@testable import Evaluation

@Suite("Resampling a stream")
struct StreamBootstrapTests {
  @Test("a unit counts as a Poisson variable of mean 1 by inversion, for all random bits")
  func inversion() {
    var (probability, sum) = (0.367879441171442, 0.0)
    let bounds = (1...7).map { k in
      sum += probability
      probability /= Double(k)
      return Int((65_536 * sum).rounded())
    }
    var bootstrap = StreamBootstrap(resamples: 4_000, seed: 3)
    var met = Set<Int>()
    for unit in (0..<150).map({ "u\($0)" }) {
      bootstrap.draw(unit: unit)
      var hash = FNVHash()
      hash.add(unit)
      var random = SplitMix64(seed: hash.value ^ 3)
      var expected: [Float] = []
      for _ in 0..<1_000 {
        let bits = random.next()
        for lane in 0..<4 {
          let draw = Int(bits >> UInt64(16 * lane) & 0xFFFF)
          met.insert(draw)
          expected.append(Float(bounds.firstIndex { draw < $0 } ?? 7))
        }
      }
      #expect(bootstrap.weights == expected)
    }
    #expect(met.count > 65_500 && met.contains { $0 >= bounds[6] })
  }
}
