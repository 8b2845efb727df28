import Testing

@testable import Training

@Suite("Splitting a log")
struct DatasetSplitTests {
  /// The log as words: `item:part@time`, without what it has none of.
  private func words(_ log: ClickLog) -> [String] {
    log.sequences.map { sequence in
      sequence.map { position in
        let part = log.parts.isEmpty ? "" : ":" + log.partNames[Int(log.parts[position])]
        let time = log.timesMs.isEmpty ? "" : "@\(log.timesMs[position])"
        return log.names[Int(log.items[position])] + part + time
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
    #expect(words(timed.leavingOneOut) == ["a:train@3 b:val@5 c:test@9"])
  }

  @Test("items with fewer clicks are left out, with what the other clicks have")
  func rare() throws {
    let log = try DatasetTests.log(["a:x@1 b:x@2 a:y@3", "b:y@4 c:x@5"])
    #expect(words(log.withoutRare(below: 2)) == ["a:x@1 b:x@2 a:y@3", "b:y@4"])
    #expect(words(log.withoutRare(below: 1)) == words(log))
    #expect(words(log.withoutRare(below: 3)) == ["", ""])
  }
}
