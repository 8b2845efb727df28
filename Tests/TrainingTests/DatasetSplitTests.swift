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

  @Test("what training holds out of a log is val, and only where nothing else validates")
  func heldOut() throws {
    var options = Dataset.Options()
    options.heldOut = 0.4
    let plain = try DatasetTests.log(["a@1 b@2 a@9", "a@3 b@4 c@5 b@6"])
    #expect(
      try words(plain.holdingOut(options)) == [
        "a@1:train b@2:train a@9:val", "a@3:train b@4:train c@5:train b@6:val",
      ]
    )
    let parted = try DatasetTests.log(["a:train b:train a:train d:test", "b:train a:train"])
    #expect(
      try words(parted.holdingOut(options)) == [
        "a:train b:train a:val d:test", "b:train a:val",
      ]
    )
    let validated = try DatasetTests.log(["a:train b:train a:valid"])
    #expect(try words(validated.holdingOut(options)) == words(validated))

    for log in [plain, parted, validated] {
      let dataset = try Dataset(log, options: options)
      let held = try Dataset(try log.holdingOut(options), options: options)
      #expect(held.validation.count == dataset.validation.count)
      #expect(held.training.count == dataset.training.count && held.items == dataset.items)
      if log.partNames.contains("test") {
        let failure = #expect(throws: TrainingFailure.self) {
          try Dataset.heldOut(of: log, items: dataset.items, options: options)
        }
        #expect(failure?.reason.contains(#"parts ["test", "train"]"#) == true)
      } else {
        let again = try Dataset.heldOut(of: log, items: dataset.items, options: options)
        func words(_ examples: Examples) -> [String] {
          DatasetTests.words(examples, dataset.items).sorted()
        }
        #expect(words(again) == words(dataset.validation))
      }
    }
  }

  @Test("items with fewer clicks are left out, with what the other clicks have")
  func rare() throws {
    let log = try DatasetTests.log(["a@1:x b@2:x a@3:y", "b@4:y c@5:x"])
    #expect(words(log.withoutRare(below: 2)) == ["a@1:x b@2:x a@3:y", "b@4:y"])
    #expect(words(log.withoutRare(below: 1)) == words(log))
    #expect(words(log.withoutRare(below: 3)) == ["", ""])
  }
}
