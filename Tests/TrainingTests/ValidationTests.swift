import Diffusion
import Evaluation
import Network
import Testing

@testable import Training

@Suite("Validation")
struct ValidationTests {
  let dataset: Dataset

  init() throws { dataset = try World.dataset() }

  /// A model that answers all with the same x₀, (1, 0, …), where item i lies at `place(i)`.
  static func constant(_ denoiser: Shape.Denoiser, place: (Int) -> Float) -> Weights {
    var weights = Weights(shape: World.shape(denoiser))
    let bias = denoiser == .linear ? Tensor.denoiser1Bias : .denoiser2Bias
    weights.values[weights.range(bias).lowerBound] = 1
    for item in 0...World.items {
      weights.values[weights.range(.items).lowerBound + 16 * item] = place(item)
    }
    return weights
  }

  func ranks(
    _ weights: Weights,
    _ sampler: Manifest.Serving.Sampler,
    at indices: [Int],
    seed: UInt64 = 0,
  ) throws -> [Int32] {
    var options = RankingOptions(
      serving: .init(sampler: sampler, steps: sampler == .ddim ? 5 : 20, guidance: 2)
    )
    options.seed = seed
    var ranking = try FullRanking(
      weights,
      schedule: .init(name: .linear, steps: 20),
      options: options,
    )
    return ranking.ranks(of: dataset.training, at: indices)
  }

  @Test(
    "items are ranked by their product with x₀, the padding row left out",
    arguments: [
      (Shape.Denoiser.linear, Manifest.Serving.Sampler.folded), (.linear, .ddim), (.linear, .ddpm),
      (.mlp, .ddim), (.mlp, .ddpm),
    ]
  )
  func ranked(_ denoiser: Shape.Denoiser, _ sampler: Manifest.Serving.Sampler) throws {
    let all = Array(0..<dataset.training.count)
    let targets = all.map { dataset.training.target($0) ?? -1 }
    let rising = Self.constant(denoiser) { Float($0) }
    #expect(try ranks(rising, sampler, at: all) == targets.map { Int32(World.items) - 1 - $0 })
    let falling = Self.constant(denoiser) { -Float($0) }
    #expect(try ranks(falling, sampler, at: all) == targets)
  }

  @Test("of equal scores the lower index is first, and what is no number is last")
  func ties() throws {
    let all = Array(0..<dataset.training.count)
    let targets = all.map { dataset.training.target($0) ?? -1 }
    #expect(try ranks(Self.constant(.linear) { _ in 1 }, .folded, at: all) == targets)
    let broken = Self.constant(.linear) { _ in .nan }
    #expect(try ranks(broken, .folded, at: all).allSatisfy { $0 == .max })
  }

  @Test("an example's rank depends on its index and the seed, not on its company")
  func company() throws {
    let weights = Weights(shape: World.shape(), seed: 3)
    let all = try ranks(weights, .folded, at: Array(0..<240))
    let some = [7, 200, 31]
    #expect(try ranks(weights, .folded, at: some) == some.map { all[$0] })
    #expect(try ranks(weights, .folded, at: Array(0..<240), seed: 1) != all)
  }

  @Test("a target that the catalogue lacks is ranked last")
  func unknown() throws {
    var log = ClickLog()
    try log.append(["1", "nowhere"])
    var ranking = try FullRanking(
      Self.constant(.linear) { Float($0) },
      schedule: .init(name: .linear, steps: 20),
      options: .init(serving: .init(sampler: .folded, steps: 20, guidance: 0)),
    )
    let examples = try Dataset.examples(log, items: dataset.items, options: .init())
    #expect(ranking.ranks(of: examples, at: [0]) == [.max])
  }

  @Test("an mlp cannot be folded, and a chain without numbers is refused")
  func refused() {
    #expect(throws: TrainingFailure.self) {
      try ranks(Self.constant(.mlp) { _ in 1 }, .folded, at: [0])
    }
    var weights = Self.constant(.linear) { _ in 1 }
    weights[.denoiser1Weight] = [Float](repeating: 1e30, count: 3 * 16 * 16)
    #expect(throws: TrainingFailure.self) { try ranks(weights, .folded, at: [0]) }
  }

  @Test("transition counts learn the training part and know what follows")
  func counts() throws {
    var log = ClickLog()
    for start in 0..<World.items {
      let ids = ["\(start)", "\((start + 1) % World.items)", "0"]
      try log.append(ids, parts: ["train", "train", "test"])
    }
    func hits(_ part: String) -> Int {
      let answers = dataset.training.answers(
        of: TransitionCounts(),
        learnedFrom: log,
        part: part,
        items: dataset.items,
        at: Array(0..<dataset.training.count),
        depth: 1,
      )
      return answers.ranks.count { $0 == 0 }
    }
    #expect(hits("train") == 240)
    // Every click of that part is a 0, so that is all it can say: right where 0 follows.
    #expect(hits("test") == 4)
  }

  @Test("a baseline's suggestions are catalogue indices, and others behind for other items")
  func suggestions() throws {
    var log = ClickLog()
    try log.append(["0", "nowhere"])
    try log.append(["0", "nowhere"])
    try log.append(["0", "3"])
    try log.append(["elsewhere"])
    let answers = dataset.training.answers(
      of: TransitionCounts(),
      learnedFrom: log,
      items: dataset.items,
      at: Array(0..<dataset.training.count),
      depth: 8,
    )
    #expect(answers.ranks.count == dataset.training.count)
    let (nowhere, elsewhere) = (Int32(World.items), Int32(World.items + 1))
    let zero = try #require(dataset.items.ids.firstIndex(of: "0").map { Int32($0) })
    let three = try #require(dataset.items.ids.firstIndex(of: "3").map { Int32($0) })
    // All the log knows, then the catalogue's order.
    let rest = (0..<Int32(World.items)).filter { $0 != zero && $0 != three }
    for example in answers.ranks.indices {
      let list = Array(answers.list(example, count: 8))
      let known =
        dataset.training.history(example).last == zero
        ? [nowhere, three, zero, elsewhere] : [zero, nowhere, three, elsewhere]
      #expect(list == known + rest.prefix(4))
    }
  }

  @Test("all that was clicked is left out, however long ago, of models and counts alike")
  func seenLongAgo() throws {
    // The newest three of these clicks are the history.
    var log = ClickLog()
    try log.append((0..<10).map { "\($0)" })
    var options = Dataset.Options()
    options.length = 3
    let examples = try Dataset.examples(log, items: dataset.items, options: options)
    let last = [examples.count - 1]
    let seen = Set((0..<9).compactMap { dataset.items.ids.firstIndex(of: "\($0)") }.map(Int32.init))
    #expect(Set(examples.wholeHistory(last[0])) == seen && examples.history(last[0]).count == 3)

    var model = RankingOptions(serving: .init(sampler: .folded, steps: 20, guidance: 2))
    model.excludesSeen = true
    var ranking = try FullRanking(
      Self.constant(.linear) { -Float($0) },
      schedule: .init(name: .linear, steps: 20),
      options: model,
    )
    let all = World.items - seen.count
    let counts = examples.answers(
      of: Popularity(),
      learnedFrom: log,
      items: dataset.items,
      at: last,
      depth: all,
      excludesSeen: true
    )
    for answers in [ranking.answers("", to: examples, at: last, depth: World.items), counts] {
      let list = answers.list(0, count: World.items)
      #expect(list.count == all && seen.isDisjoint(with: list))
    }
    let facts = examples.facts(at: last, clicks: dataset.items.clicks)
    #expect(facts.history(0).count == 9)
  }

  @Test("a baseline learns rows that go on where the row before ended as one session")
  func rows() throws {
    var log = ClickLog(isRows: true)
    for row in ["a", "ab", "abc", "bcd", "da", "b", "bc"] { try log.append(row.map(String.init)) }
    var recorder = Recorder()
    log.teach(&recorder, numbers: [3, 2, 1, 0], part: "train")
    #expect(recorder.items == [3, 2, 1, 0, 3, 2, 1])
    #expect(recorder.sessions == [0, 0, 0, 0, 1, 2, 2])
    #expect(recorder.histories == [[], [3], [3, 2], [2, 1], [0], [], [2]])
  }

  private struct Recorder: Baseline {
    let name = "recorder"
    var items: [Int32] = []
    var sessions: [Int32] = []
    var histories: [[Int32]] = []

    mutating func learn(_ item: Int32, session: Int32, history: ArraySlice<Int32>) {
      items.append(item)
      sessions.append(session)
      histories.append(Array(history))
    }

    mutating func suggest(after history: ArraySlice<Int32>, count: Int) -> [Int32] { [] }
  }
}
