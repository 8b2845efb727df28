import Network
import Testing

@testable import Training

@Suite("Dataset")
struct DatasetTests {
  /// A log of sequences written as words; `c:test` puts a click into a part, `c@7` gives it a time.
  static func log(_ sequences: [String], isRows: Bool = false) throws -> ClickLog {
    var log = ClickLog(isRows: isRows)
    for sequence in sequences {
      let words = sequence.split(separator: " ").map(String.init)
      let times = words.compactMap {
        $0.split(separator: "@").dropFirst().first.flatMap { Int64($0.prefix { $0 != ":" }) }
      }
      let parts = words.compactMap { $0.split(separator: ":").dropFirst().first.map(String.init) }
      let ids = words.map { String($0.prefix { $0 != "@" && $0 != ":" }) }
      try log.append(ids, timesMs: times, parts: parts)
    }
    return log
  }

  /// The examples as words: `a b → c`.
  static func words(_ examples: Examples, _ items: ItemTable) -> [String] {
    (0..<examples.count).map { example in
      let history = examples.history(example).map { items.ids[Int($0)] }
      let target = examples.target(example).map { items.ids[Int($0)] }
      return (history + ["→", target ?? "?"]).joined(separator: " ")
    }
  }

  static func options(_ change: (inout Dataset.Options) -> Void = { _ in }) -> Dataset.Options {
    var options = Dataset.Options()
    options.heldOut = 0.25
    change(&options)
    return options
  }

  @Test("every click but a sequence's first is a target, after at most L clicks")
  func prefixes() throws {
    let log = try Self.log(["a b c d", "d c", "e"])
    let dataset = try Dataset(log, options: Self.options { $0.length = 2 })
    #expect(Self.words(dataset.training, dataset.items) == ["a → b", "a b → c", "b c → d"])
    #expect(Self.words(dataset.validation, dataset.items) == ["d → c"])
    #expect(dataset.training.history(2).count == 2)
  }

  @Test("empty histories count when they are asked for")
  func empty() throws {
    let log = try Self.log(["a b", "b a"])
    let options = Self.options { $0.emptyHistories = true }
    let dataset = try Dataset(log, options: options)
    #expect(Self.words(dataset.training, dataset.items) == ["→ a", "a → b", "→ b"])
    #expect(Self.words(dataset.validation, dataset.items) == ["b → a"])
  }

  @Test("an example knows its sequence, which is what intervals resample")
  func sequences() throws {
    let log = try Self.log(["a b c", "b a", "c"])
    let dataset = try Dataset(log, later: log, options: Self.options())
    #expect((0..<3).map { dataset.training.sequence($0) } == [0, 0, 1])
  }

  @Test("a row is one example, whose repeated history does not count as clicks")
  func rows() throws {
    let log = try Self.log(["a", "a b", "a b c", "c b"], isRows: true)
    let dataset = try Dataset(log, options: Self.options())
    #expect(Self.words(dataset.training, dataset.items) == ["→ a", "a → b", "a b → c"])
    #expect(dataset.items == ItemTable(ids: ["a", "b", "c"], clicks: [1, 1, 1]))
  }

  @Test("the catalogue goes by clicks, then by id, and each click counts once")
  func catalogue() throws {
    let log = try Self.log(["b a b c", "c b d", "z"])
    let dataset = try Dataset(log, later: try Self.log(["a b"]), options: Self.options())
    #expect(dataset.items == ItemTable(ids: ["b", "c", "a", "d"], clicks: [3, 2, 1, 1]))
  }

  @Test("the latest targets are held out, wherever they are in the file")
  func time() throws {
    let log = try Self.log(["a@1 b@9", "b@2 a@3 b@4", "a@5 b@6"])
    let dataset = try Dataset(log, options: Self.options())
    #expect(Self.words(dataset.validation, dataset.items) == ["a → b"])
    #expect(Self.words(dataset.training, dataset.items) == ["b → a", "b a → b", "a → b"])
  }

  @Test(
    "parts go by the target's part, with all that came before in the history",
    arguments: [
      "val", "valid", "validation",
    ]
  )
  func parts(name: String) throws {
    let log = try Self.log(["a:train b:train a:\(name) b:test", "b:\(name) a:\(name)"])
    let dataset = try Dataset(log, options: Self.options())
    #expect(Self.words(dataset.training, dataset.items) == ["a → b"])
    #expect(Self.words(dataset.validation, dataset.items) == ["a b → a", "b → a"])

    let tested = try Dataset(log, options: Self.options { $0.validationPart = "test" })
    #expect(Self.words(tested.validation, tested.items) == ["a b a → b"])
    let test = try Dataset.examples(
      log,
      items: dataset.items,
      options: Self.options { $0.validationPart = "test" },
    )
    #expect(test == tested.validation)
  }

  @Test("parts without one that validates hold out the end of the training part")
  func trainingPartOnly() throws {
    let log = try Self.log(["a:train b:train a:train b:train a:train b:test"])
    let dataset = try Dataset(log, options: Self.options())
    #expect(dataset.training.count == 3)
    #expect(Self.words(dataset.validation, dataset.items) == ["a b a b → a"])
  }

  @Test("an item that training never saw is left out of histories and missed as a target")
  func unknown() throws {
    let later = try Self.log(["a new b new", "x y"])
    let dataset = try Dataset(
      try Self.log(["a b a", "b c"]),
      later: later,
      options: Self.options { $0.length = 2 },
    )
    #expect(
      Self.words(dataset.validation, dataset.items) == ["a → ?", "a → b", "a b → ?", "→ ?"]
    )
    #expect(dataset.validation.unknownTargets == 3)
  }

  @Test("the whole catalogue has the items of validation too, after all others, unclicked")
  func wholeCatalogue() throws {
    let dataset = try Dataset(
      try Self.log(["a b b"]),
      later: try Self.log(["y b x"]),
      options: Self.options { $0.wholeCatalogue = true },
    )
    #expect(dataset.items == ItemTable(ids: ["b", "a", "x", "y"], clicks: [2, 1, 0, 0]))
    #expect(Self.words(dataset.validation, dataset.items) == ["y → b", "y b → x"])
  }

  @Test("a sample is spread evenly, and no larger than what there is")
  func sample() throws {
    let log = try Self.log(["a b a b a b a b a b a"])
    let examples = try Dataset(log, later: log, options: Self.options()).training
    #expect(examples.count == 10)
    #expect(examples.sample(4) == [0, 2, 5, 7])
    #expect(examples.sample(99) == Array(0..<10))
  }

  @Test(
    "clicks that cannot be trained on are refused in words",
    arguments: [
      ([], "no example to train on"), (["a", "b"], "no example to train on"),
      (["a a", "a a"], "fewer than two items"), (["a b"], "no example to train on"),
      (["a b", "c d"], "no example to validate on"),
      (["a:x b:x"], "no part train"),
    ] as [([String], String)],
  )
  func tooSmall(sequences: [String], words: String) throws {
    let log = try Self.log(sequences)
    let failure = #expect(throws: TrainingFailure.self) {
      try Dataset(log, options: Self.options())
    }
    #expect(failure?.reason.contains(words) == true)
  }

  @Test("a part that is not there is refused, and the parts that are there are named")
  func absentPart() throws {
    let options = Self.options { $0.validationPart = "nope" }
    let log = try Self.log(["a:train b:train", "a:test b:test"])
    let failure = #expect(throws: TrainingFailure.self) { try Dataset(log, options: options) }
    #expect(failure?.reason.contains(#"["test", "train"]"#) == true)
    #expect(throws: TrainingFailure.self) {
      try Dataset(try Self.log(["a b", "b a"]), options: options)
    }
  }

  @Test("times and parts are given for every click or for none")
  func uneven() throws {
    var log = try Self.log(["a@1 b@2"])
    #expect(throws: TrainingFailure.self) { try log.append(["a"]) }
    #expect(throws: TrainingFailure.self) { try log.append(["a"], timesMs: [1], parts: ["x"]) }
    try log.append(["a"], timesMs: [1])
    var many = ClickLog()
    #expect(throws: TrainingFailure.self) {
      try many.append((0...256).map(String.init), parts: (0...256).map(String.init))
    }
  }
}
