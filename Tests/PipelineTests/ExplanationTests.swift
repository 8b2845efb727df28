import Diffusion
import Events
import Matching
import Network
import Sessions
import TestSupport
import Testing

@testable import Pipeline

@Suite("Explanation")
struct ExplanationTests {
  private let key = NoiseKey(seed: 4, user: 7, position: 2)

  private func recommender(
    _ denoiser: Shape.Denoiser,
    causes: Int = 0
  ) throws -> Recommender {
    var options = RecommenderOptions()
    options.causes = causes
    return try Recommender(model: TinyModel.make(denoiser: denoiser), options: options)
  }

  /// The score of an item after a history, the long way round.
  private func score(_ recommender: inout Recommender, _ history: [Int32], _ item: Int32) -> Float {
    let h = recommender.encode(history: history, lengths: [Int32(history.count)])
    let oracle = recommender.denoise(
      conditions: h,
      keys: [key],
      deadlinesNs: []
    ) { 0 }.oracles
    return zip(oracle, recommender.catalogue.embedding(of: item)).reduce(0) { $0 + $1.0 * $1.1 }
  }

  @Test(
    "an attribution is what the score loses without the click, under the same noise",
    arguments: Shape.Denoiser.allCases
  )
  func attributions(_ denoiser: Shape.Denoiser) throws {
    var recommender = try recommender(denoiser)
    let sessions = [
      Explained(history: [3, 9, 3, 1], key: key, items: [5, 0]),
      Explained(history: [2], key: key, items: [7]),
    ]
    let found = recommender.explain(sessions)
    #expect(found.map { $0.map(\.item) } == [[5, 0], [7]])
    for (session, explanations) in zip(sessions, found) {
      for explanation in explanations {
        let whole = score(&recommender, session.history, explanation.item)
        #expect(explanation.score == whole)
        #expect(explanation.attributions.count == session.history.count)
        for left in session.history.indices {
          var rest = session.history
          rest.remove(at: left)
          let lost = whole - score(&recommender, rest, explanation.item)
          #expect(explanation.attributions[left] == lost)
        }
      }
    }
  }

  @Test("what is explained is what is suggested: seen items are in it only where they may be")
  func seen() throws {
    let session = Explained(history: [3, 9, 3, 1], key: key, items: [])
    for excludesSeen in [false, true] {
      var options = RecommenderOptions()
      (options.count, options.excludesSeen) = (50, excludesSeen)
      var recommender = try Recommender(model: TinyModel.make(), options: options)
      let suggested = recommender.suggested(for: session)
      let seen: Set<Int32> = excludesSeen ? [1, 3, 9] : []
      #expect(Set(suggested) == Set(0..<50).subtracting(seen))
      #expect(recommender.first(of: [session]) == [suggested.first])
    }
  }

  @Test("the clicks that count most come first, and none that counts against the item")
  func causes() {
    let explanation = Explanation(item: 1, score: 0, attributions: [0.5, -1, 2, 0, 0.5])
    #expect(explanation.causes(9) == [2, 0, 4])
    #expect(explanation.causes(2) == [2, 0])
  }

  @Test("a suggestion says its causes when asked, and is otherwise the same")
  func published() throws {
    func made(causes: Int) throws -> [Suggestion] {
      let records = ["i3", "i9", "i1"].enumerated().map { offset, item in
        Record(
          position: Position(topic: "clicks", partition: 0, offset: Int64(offset)),
          key: Array("u".utf8),
          value: Array(#"{"user_id":"u","item_id":"\#(item)","timestamp":1700000000000}"#.utf8),
          timestampMs: 1_700_000_000_000,
          headers: []
        )
      }
      var pipeline = Pipeline(
        source: MemorySource(records),
        store: MemorySessions(
          limits: SessionLimits(
            maxLength: 5,
            slack: 64,
            latenessMs: 1_000_000,
            timeToLiveMs: 1_000_000_000
          )
        ) { 1_700_000_000_000 },
        sink: MemorySink(),
        recommender: try recommender(.mlp, causes: causes),
        options: PipelineOptions(maxBatch: 8, fatalAfterMs: 1_000, maxEventBytes: 500),
        clock: ManualClock().clock
      )
      _ = try pipeline.turn()
      return try pipeline.sink.sent.compactMap(\.value).map { try SuggestionDecoder.decode($0) }
    }
    let (plain, explained) = (try made(causes: 0), try made(causes: 2))
    #expect(plain.flatMap(\.items).allSatisfy { $0.because == nil })
    let last = try #require(explained.last)
    #expect(last.items.allSatisfy { ($0.because?.count ?? 9) <= 2 })
    let causes = last.items.flatMap { $0.because ?? [] }
    #expect(!causes.isEmpty && Set(causes.map(\.id)).isSubset(of: ["i1", "i3", "i9"]))
    #expect(causes.allSatisfy { $0.weight > 0 })
    #expect(explained.map { $0.items.map(\.id) } == plain.map { $0.items.map(\.id) })
  }
}
