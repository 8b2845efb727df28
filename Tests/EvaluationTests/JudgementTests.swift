import Evaluation
import Events
import Foundation
import Testing

extension Judgement.Row {
  fileprivate var hits: Int { ranks.count { $0 < cutoff } }
}

@Suite("Judgement")
struct JudgementTests {
  @Test("each suggestion is held against its user's next click")
  func judged() {
    let training = ["a", "b", "a", "b", "b"].map { FileClick(user: "t", item: $0) }
    let stream = [("u", "a"), ("v", "a"), ("u", "b"), ("v", "c"), ("u", "d")]
      .map { FileClick(user: $0.0, item: $0.1) }
    let suggestions: [Int: [String]] = [0: ["x", "b"], 1: ["y"]]
    let judgement = Judgement(training: training, stream: stream, cutoff: 2) { suggestions[$0] }
    #expect(judgement.missing == 1)
    #expect(judgement.rows.map(\.ranks.count) == [3, 3, 3, 3])
    #expect(judgement.rows.map(\.hits) == [1, 1, 1, 1])
  }

  @Test("of followers as frequent the lower id comes first, whichever was seen first")
  func ties() {
    let training = [("t", "x"), ("t", "b"), ("u", "x"), ("u", "a")]
      .map { FileClick(user: $0.0, item: $0.1) }
    let stream = ["x", "a"].map { FileClick(user: "v", item: $0) }
    let judgement = Judgement(training: training, stream: stream, cutoff: 1) { _ in nil }
    #expect(judgement.rows.map(\.hits) == [0, 0, 1, 1])
  }

  @Test("counts that are updated learn a click after it is judged, and frozen ones never")
  func updated() {
    let stream = ["a", "b", "a", "b"].map { FileClick(user: "u", item: $0) }
    let judgement = Judgement(training: [], stream: stream, cutoff: 1) { _ in nil }
    #expect(judgement.missing == 3)
    #expect(judgement.rows.map(\.hits) == [0, 0, 0, 2])
  }

  @Test("what a baseline suggests knows nothing of the click that judges it")
  func unseen() {
    let training = ["a", "b"].map { FileClick(user: "t", item: $0) }
    let stream = ["a", "c", "c"].map { FileClick(user: "u", item: $0) }
    let judgement = Judgement(training: training, stream: stream, cutoff: 1) { _ in nil }
    #expect(judgement.rows.map(\.ranks.count) == [2, 2, 2, 2])
    #expect(judgement.rows.map(\.hits) == [0, 0, 0, 0])
  }

  /// The floors that `counts.py` computes for this data.
  @Test(
    "transition counts have the known figures on published data",
    .enabled(if: FileManager.default.fileExists(atPath: ClickFileTests.shared.path))
  )
  func published() throws {
    let path = ClickFileTests.shared.appending(path: "yoochoose-100k/clicks.tsv.gz").path
    var clicks: [FileClick] = []
    try ClickFile.forEach(path) { entry in
      if case .click(let click) = entry { clicks.append(click) }
    }
    let judgement = Judgement(
      training: clicks.filter { $0.part == "train" },
      stream: clicks.filter { $0.part == "test" },
      cutoff: 20
    ) { _ in nil }
    let figures = judgement.rows.map { row in
      [row.hitRate, row.ndcg].map { String(format: "%.2f", 100 * $0) }
    }
    #expect(judgement.rows[2].ranks.count == 10_152)
    #expect(figures[2] == ["58.74", "40.31"])
    #expect(figures[3] == ["61.42", "42.00"])
  }
}

@Suite("Click generator")
struct ClickGeneratorTests {
  func clicks(
    seed: UInt64 = 1,
    _ change: (inout ClickGenerator.Parameters) -> Void = { _ in }
  )
    -> [Click]
  {
    var parameters = ClickGenerator.Parameters()
    parameters.seed = seed
    parameters.clicks = 20_000
    change(&parameters)
    var generator = ClickGenerator(parameters)
    var clicks: [Click] = []
    while let click = generator.next() { clicks.append(click) }
    return clicks
  }

  @Test("is the same for a seed, and another for another")
  func seeded() {
    #expect(clicks() == clicks())
    #expect(clicks() != clicks(seed: 2))
    #expect(
      clicks().prefix(3).map { "\($0.user) \($0.item)" } == Self.firstThree
    )
  }

  static let firstThree = ["u1124 i884", "u563 i84", "u577 i94"]

  @Test("times grow, ids are unique, and late items come in the second half only")
  func shape() {
    let clicks = clicks()
    #expect(clicks.count == 20_000)
    #expect(zip(clicks, clicks.dropFirst()).allSatisfy { $0.timestampMs <= $1.timestampMs })
    #expect(Set(clicks.map(\.eventID)).count == clicks.count)
    let early = Set(clicks.prefix(10_000).map(\.item))
    let late = Set(clicks.suffix(10_000).map(\.item)).subtracting(early)
    #expect(late.count >= 30)
  }

  @Test("what comes next can be learned: transition counts beat popularity by far")
  func learnable() {
    let clicks = clicks().map { FileClick(user: $0.user, item: $0.item) }
    let judgement = Judgement(
      training: Array(clicks.prefix(16_000)),
      stream: Array(clicks.suffix(4_000)),
      cutoff: 20
    ) { _ in [] }
    let rates = judgement.rows.map(\.hitRate)
    #expect(rates[2] > 2 * rates[1])
    #expect(rates[1] > 0.02)
  }

  @Test("odd sizes do not trap", arguments: [0, 1, 2])
  func odd(size: Int) {
    let clicks = clicks {
      ($0.users, $0.items, $0.intents, $0.clicks) = (size, size, size, 50)
    }
    #expect(clicks.count == 50)
  }
}

@Suite("Published suggestions")
struct PublishedSuggestionsTests {
  private func line(_ event: String, _ items: [String]) -> String {
    let bytes = SuggestionEncoder.encode(
      Suggestion(
        user: "u",
        source: .init(
          position: .init(topic: "t", partition: 0, offset: 1),
          eventID: event,
          timestampMs: 1
        ),
        items: items.map { .init(id: $0, score: 1) },
        model: .init(name: "m", version: "1"),
        generation: .init(
          provenance: .diffusion,
          steps: 1,
          stoppedBy: "steps",
          guidance: 0,
          seed: 0
        ),
        sessionLength: 1
      )
    )
    return String(decoding: bytes, as: UTF8.self)
  }

  private func read(_ lines: [String]) throws -> PublishedSuggestions {
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: URL(filePath: path))
    return try PublishedSuggestions(path: path)
  }

  @Test("one that comes again is counted, and whether it is the same")
  func repeated() throws {
    let a = line("a", ["x", "y"])
    let published = try read([a, line("b", ["y"]), "null", a, line("b", ["z"])])
    #expect(published.items == ["a": ["x", "y"], "b": ["y"]])
    #expect(published.repeated == 2)
    #expect(published.different == 1)
  }

  @Test("a line that is no suggestion is named")
  func malformed() {
    #expect { try read([line("a", []), "{}"]) } throws: { "\($0)".contains("line 2: ") }
  }
}
