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
    #expect(answers.ranks == ranking.ranks(of: dataset.training, at: some))
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
      let history = Set(dataset.training.wholeHistory(example))
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
    #expect(try best != answers { $0.samples = 2 })
    // By hand: each sample's scores, and the highest of each item.
    var walk = try RankingWalk(
      weights,
      schedule: .init(name: .linear, steps: 20),
      options: .init(serving: .init(sampler: .ddim, steps: 4, guidance: 1))
    )
    for example in some.prefix(8) {
      var scores = [Float](repeating: -.infinity, count: World.items)
      for sample in 0..<3 {
        let key = NoiseKey(seed: 0, user: UInt64(example), position: UInt64(sample))
        let clean = walk.generate(
          [dataset.training.history(example)],
          targets: [nil],
          keys: [key]
        ).clean
        for item in scores.indices {
          let row = weights.values[(item * 16)..<(item * 16 + 16)]
          scores[item] = max(scores[item], zip(clean, row).reduce(0) { $0 + $1.0 * $1.1 })
        }
      }
      let ordered = best.list(example, count: 60).map { scores[Int($0)] }
      #expect(zip(ordered, ordered.dropFirst()).allSatisfy { $0 >= $1 - 1e-3 })
    }
  }

  @Test(
    "without its noise a model answers the same for every seed",
    arguments: [.linear, .mlp, .residual, .adaptive] as [Shape.Denoiser]
  )
  func silent(_ denoiser: Shape.Denoiser) throws {
    var weights = Weights(shape: World.shape(denoiser), seed: 3)
    // What a residual adds begins as nothing, whatever the noise.
    for (i, at) in weights.range(.denoiser2Weight).enumerated() {
      weights.values[at] += 0.3 * Float((i * 7) % 5 - 2)
    }
    func answers(seesNoise: Bool, seed: UInt64) throws -> Answers {
      var options = RankingOptions(serving: .init(sampler: .ddim, steps: 4, guidance: 1))
      options.seesNoise = seesNoise
      options.seed = seed
      var ranking = try FullRanking(
        weights,
        schedule: .init(name: .linear, steps: 20),
        options: options
      )
      return ranking.answers("ours", to: dataset.training, at: some, depth: 60)
    }
    #expect(try answers(seesNoise: false, seed: 0) == answers(seesNoise: false, seed: 9))
    #expect(try answers(seesNoise: true, seed: 0) != answers(seesNoise: true, seed: 9))
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

  @Test("each start is another")
  func origins() throws {
    let long = some.filter { dataset.training.history($0).count > 1 }
    let lists = try RankingOptions.Origin.known.map { origin in
      let answers = try answers { $0.start = .from(origin, share: 0.5) }
      return long.map { Array(answers.list($0, count: 60)) }
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] { #expect(lists[a] != lists[b]) }
  }

  @Test("a still estimate ends early")
  func stopped() throws {
    var ranking = try ranking { $0.rule = StoppingRule(tolerance: 0.9, patience: 1) }
    _ = ranking.answers("ours", to: dataset.training, at: some, depth: 1)
    #expect(ranking.steps.allSatisfy { (2...4).contains($0) } && ranking.steps.contains(2))
  }
}
