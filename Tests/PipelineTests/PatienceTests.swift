import Pipeline
import Testing

@Suite("Patience")
struct PatienceTests {
  @Test("waits grow to a bound, are drawn below it, and begin anew after a success")
  func waits() {
    var patience = Patience(fatalAfterMs: 10_000)
    var bounds: [Int] = []
    for _ in 0..<8 {
      let action = patience.failed(nowMs: 5) { range in
        bounds.append(range.upperBound)
        return range.lowerBound
      }
      #expect(action == .wait(ms: 1))
    }
    #expect(bounds == [50, 100, 200, 400, 800, 1_600, 2_000, 2_000])
    patience.succeeded()
    _ = patience.failed(nowMs: 20_000) { range in
      bounds.append(range.upperBound)
      return 1
    }
    #expect(bounds.last == 50)
  }

  @Test("it ends when failures have lasted, not when there were many")
  func ends() {
    var patience = Patience(fatalAfterMs: 1_000)
    for _ in 0..<100 { #expect(patience.failed(nowMs: 0) { _ in 1 } == .wait(ms: 1)) }
    #expect(patience.failed(nowMs: 999) { _ in 1 } == .wait(ms: 1))
    #expect(patience.failed(nowMs: 1_000) { _ in 1 } == .giveUp(afterMs: 1_000))
  }

  @Test("what fails slowly has failed since it was begun, and no wait goes beyond the end")
  func slow() {
    var patience = Patience(fatalAfterMs: 10_000)
    #expect(patience.failed(startedMs: 0, nowMs: 4_000) { _ in 40 } == .wait(ms: 40))
    #expect(patience.failed(startedMs: 4_040, nowMs: 9_970) { _ in 90 } == .wait(ms: 30))
    #expect(
      patience.failed(startedMs: 10_000, nowMs: 10_001) { _ in 1 } == .giveUp(afterMs: 10_001)
    )
    var alone = Patience(fatalAfterMs: 1_000)
    #expect(alone.failed(startedMs: 0, nowMs: 3_000) { _ in 1 } == .giveUp(afterMs: 3_000))
  }
}
