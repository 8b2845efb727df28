import Testing

@testable import Training

@Suite("Splitting a log")
struct DatasetSplitTests {
  /// The log as words: `item@time:part`, without what it has none of.
  private func words(_ log: ClickLog) -> [String] {
    log.sequences.map { sequence in
      sequence.map { position in
        let part = log.parts.isEmpty ? "" : ":" + log.partNames[Int(log.parts[position])]
        let time = log.timesMs.isEmpty ? "" : "@\(log.timesMs[position])"
        return log.names[Int(log.items[position])] + time + part
      }
      .joined(separator: " ")
    }
  }

  @Test("each sequence's last click is test, the one before val; a short one only trains")
  func leaveOneOut() throws {
    let log = try DatasetTests.log(["a b c d", "b a", "c d a"])
    #expect(
      words(log.leavingOneOut) == [
        "a:train b:train c:val d:test", "b:train a:train", "c:train d:val a:test",
      ]
    )
    let timed = try DatasetTests.log(["a@3 b@5 c@9"])
    #expect(words(timed.leavingOneOut) == ["a@3:train b@5:val c@9:test"])
  }

  @Test("by time one moment parts all sequences; without times, their order does")
  func byTime() throws {
    let log = try DatasetTests.log(["a@1 b@9 c@10", "d@2 e@3 f@4 g@5", "h@6 i@7 j@8"])
    #expect(
      words(log.parted(byTime: (validation: 0.2, test: 0.1))) == [
        "a@1:train b@9:val c@10:test", "d@2:train e@3:train f@4:train g@5:train",
        "h@6:train i@7:train j@8:val",
      ]
    )
    let untimed = try DatasetTests.log(["a b", "c d"])
    #expect(
      words(untimed.parted(byTime: (validation: 0.25, test: 0.25))) == [
        "a:train b:train", "c:val d:test",
      ]
    )
  }

  @Test("items with fewer clicks are left out, with what the other clicks have")
  func rare() throws {
    let log = try DatasetTests.log(["a@1:x b@2:x a@3:y", "b@4:y c@5:x"])
    #expect(words(log.withoutRare(below: 2)) == ["a@1:x b@2:x a@3:y", "b@4:y"])
    #expect(words(log.withoutRare(below: 1)) == words(log))
    #expect(words(log.withoutRare(below: 3)) == ["", ""])
  }
}
