import Diffusion
import Evaluation
import Network
import Testing

@testable import Training

/// How lists come to be, on an untrained model whose estimate follows its noisy input.
@Suite("Full ranking")
struct FullRankingTests {
  let dataset: Dataset
  let weights = Weights(shape: World.shape(.mlp), seed: 3)
  let some = Array(0..<40)

  init() throws { dataset = try World.dataset() }

  private func ranking(_ change: (inout RankingOptions) -> Void = { _ in }) throws -> FullRanking {
    var options = RankingOptions(serving: .init(sampler: .ddim, steps: 4, guidance: 1))
    change(&options)
    return try FullRanking(
      weights,
      schedule: .init(name: .linear, steps: 20),
      options: options
    )
  }

  private func answers(
    depth: Int = 60,
    _ change: (inout RankingOptions) -> Void = { _ in }
  ) throws -> Answers {
    var ranking = try ranking(change)
    return ranking.answers("ours", to: dataset.training, at: some, depth: depth)
  }

  @Test("a list has the best items in their order, and the target stands where its rank says")
  func lists() throws {
    let answers = try answers()
    var ranking = try ranking()
    #expect(answers.ranks.map(Int.init) == ranking.ranks(of: dataset.training, at: some))
    for example in some {
      let list = answers.list(example, count: 60)
      #expect(Set(list).count == 60)
      let target = try #require(dataset.training.target(example))
      #expect(list[list.startIndex + Int(answers.ranks[example])] == target)
    }
    let short = try self.answers(depth: 7)
    #expect(short.ranks == answers.ranks)
    for example in some {
      #expect(short.list(example, count: 7) == answers.list(example, count: 7))
    }
  }

  @Test("items of the history are left out when asked")
  func seen() throws {
    let answers = try answers { $0.excludesSeen = true }
    for example in some {
      let history = Set(dataset.training.history(example))
      let list = answers.list(example, count: 60)
      #expect(list.count == 60 - history.count && history.isDisjoint(with: list))
    }
  }

  @Test("an item's score is its best of all samples, and their steps add up")
  func samples() throws {
    var ranking = try ranking { $0.samples = 3 }
    let best = ranking.answers("ours", to: dataset.training, at: some, depth: 60)
    #expect(ranking.steps == some.map { _ in 12 })
    let one = try answers()
    #expect(best != one)
    // What is first of three stands at least as high in one of the three.
    #expect(some.contains { best.list($0, count: 1) == one.list($0, count: 1) })
  }

  @Test("without its noise a model answers the same for every seed")
  func silent() throws {
    let first = try answers { $0.seesNoise = false }
    let second = try answers {
      $0.seesNoise = false
      $0.seed = 9
    }
    #expect(first == second)
    #expect(try answers() != (try answers { $0.seed = 9 }))
  }

  @Test(
    "a walk can start at an embedding, with fewer steps to go",
    arguments: RankingOptions.Origin.known
  )
  func starts(_ origin: RankingOptions.Origin) throws {
    let whole = try answers()
    let started = try answers { $0.start = .from(origin, share: 0.5) }
    #expect(started != whole)
    var ranking = try ranking { $0.start = .from(origin, share: 0) }
    _ = ranking.answers("ours", to: dataset.training, at: some, depth: 1)
    #expect(ranking.steps == some.map { _ in 1 })
  }

  @Test("a still estimate ends early")
  func stopped() throws {
    var ranking = try ranking { $0.rule = StoppingRule(tolerance: 0.9, patience: 1) }
    _ = ranking.answers("ours", to: dataset.training, at: some, depth: 1)
    #expect(ranking.steps.allSatisfy { (2...4).contains($0) } && ranking.steps.contains(2))
  }
}
