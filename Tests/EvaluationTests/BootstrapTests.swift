import Evaluation
import Testing

@Suite("Bootstrap")
struct BootstrapTests {
  /// 400 values, half of them 0 and half 1: the mean is 0.5 with a standard error of 0.025.
  let coin = (0..<400).map { Double($0 % 2) }

  @Test("an interval is two standard errors to either side")
  func width() {
    let bootstrap = Bootstrap(units: Array(0..<400), resamples: 1_000, seed: 1)
    let interval = bootstrap.interval(coin)
    #expect(abs(interval.lowerBound - (0.5 - 1.96 * 0.025)) < 0.006)
    #expect(abs(interval.upperBound - (0.5 + 1.96 * 0.025)) < 0.006)
  }

  @Test("95 of 100 intervals hold the true mean, or nearly so")
  func coverage() {
    var state: UInt64 = 1
    func draw() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 40) / 0x1p24 < 0.3 ? 1 : 0
    }
    var held = 0
    for seed in 0..<100 as Range<UInt64> {
      let values = (0..<60).map { _ in draw() }
      let bootstrap = Bootstrap(units: Array(0..<60), resamples: 150, seed: seed)
      if bootstrap.interval(values).contains(0.3) { held += 1 }
    }
    #expect((88...99).contains(held))
  }

  @Test("whole units are drawn: examples that agree within a unit say less")
  func units() {
    let values = (0..<400).map { Double($0 / 40 % 2) }
    let ofUnits = Bootstrap(units: (0..<400).map { $0 / 40 }, seed: 1).interval(values)
    let ofExamples = Bootstrap(units: Array(0..<400), seed: 1).interval(values)
    let widths = [ofUnits, ofExamples].map { $0.upperBound - $0.lowerBound }
    // Ten units where there were 400: √40 times as wide.
    #expect((5...7.5).contains(widths[0] / widths[1]))
  }

  @Test("units weigh as many examples as they have")
  func weights() {
    // Unit 5 has three examples and unit 9 one, so a resample's mean is 0, 1/4 or 1.
    let bootstrap = Bootstrap(units: [5, 5, 9, 5], seed: 3)
    #expect(bootstrap.unitCount == 2)
    let means = bootstrap.means([[0, 0, 1, 0]])[0]
    #expect(Set(means) == [0, 0.25, 1])
    #expect(means.count == 1_000)
    #expect((200...300).contains(means.count { $0 == 1 }))
    #expect((450...550).contains(means.count { $0 == 0.25 }))
  }

  @Test("columns meet the same resamples, however many there are")
  func columns() {
    let bootstrap = Bootstrap(units: (0..<400).map { $0 / 3 }, resamples: 50, seed: 1)
    let alone = bootstrap.means([coin])[0]
    for count in [6, 7, 8, 9, 16] {
      let others = [[Double]](repeating: coin.map { 2 * $0 }, count: count)
      let together = bootstrap.means(others + [coin])
      #expect(together.count == count + 1)
      #expect(together[count] == alone)
      #expect(together[0] == alone.map { 2 * $0 })
    }
  }

  @Test("a difference is paired: what moves together leaves no doubt")
  func paired() {
    let bootstrap = Bootstrap(units: Array(0..<400), seed: 1)
    let same = bootstrap.difference(coin, coin)
    #expect(same.mean == 0)
    #expect(same.interval == 0...0)
    let shifted = bootstrap.difference(coin.map { $0 + 1 }, coin)
    #expect(shifted.mean == 1)
    #expect(abs(shifted.interval.lowerBound - 1) < 1e-12)
    #expect(abs(shifted.interval.upperBound - 1) < 1e-12)
    let better = bootstrap.difference(coin, coin.map { _ in 0 })
    #expect(better.mean == 0.5)
    #expect(better.interval == bootstrap.interval(coin))
  }

  @Test("a seed decides all, and another seed draws others")
  func seeded() {
    let units = Array(0..<400 as Range<Int32>)
    let intervals = [1, 1, 2].map { Bootstrap(units: units, seed: $0).interval(coin) }
    #expect(intervals[0] == intervals[1])
    #expect(intervals[0] != intervals[2])
    #expect(Bootstrap(units: units, seed: 1).interval(coin.map { Float($0) }) == intervals[0])
  }

  @Test("ends of an interval lie between resampled means where 2.5 % does")
  func percentiles() {
    #expect(Bootstrap.interval((0...40).map(Double.init).reversed()) == 1...39)
    #expect(Bootstrap.interval([0, 1]) == 0.025...0.975)
    #expect(Bootstrap.interval([3, .nan, .infinity]) == 3...3)
  }

  @Test("nothing to draw from is no trap")
  func empty() {
    #expect(Bootstrap(units: [], seed: 1).interval([] as [Float]) == 0...0)
    #expect(Bootstrap(units: [4], resamples: 0, seed: 1).interval([2.0]) == 2...2)
  }
}
