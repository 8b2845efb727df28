import Evaluation
import Network
import Testing

@testable import Training

/// Training by windows, on sequences in which item i is always followed by item i + 1.
@Suite("Loop over windows")
struct WindowLoopTests {
  private func settings(_ denoiser: Shape.Denoiser) -> Loop.Settings {
    World.settings(denoiser) {
      $0.objective.loss = .crossEntropy
      $0.objective.sphere = true
      $0.objective.spread = 0.1
      if denoiser != .none { ($0.objective.encoderWeight, $0.objective.noiseBias) = (1, 3) }
      $0.serving.guidance = 0
      $0.warmUp = 4
      $0.decays = true
    }
  }

  private func run(_ loop: inout Loop, batches: Int = .max) throws -> Loop.Ending {
    var left = batches
    return try loop.run(
      report: { if case .batch = $0 { left -= 1 } },
      save: { _ in },
      shouldStop: { left <= 0 },
    )
  }

  @Test(
    "a ranking loss finds what follows",
    arguments: [.none, .residual, .adaptive] as [Shape.Denoiser]
  )
  func learns(_ denoiser: Shape.Denoiser) throws {
    var settings = settings(denoiser)
    settings.epochs = 30
    settings.metric = .gain
    settings.dropout = 0
    var loop = try Loop(try World.dataset(), shape: World.shape(denoiser), settings: settings)
    #expect(try run(&loop) == .complete)
    let best = try #require(loop.best)
    // Scale and shift are learned only once the last layer is no longer zero.
    let enough = denoiser == .adaptive ? 0.8 : 0.9
    #expect(best.metrics["ndcg@20", default: 0] > enough)
    // The kept table lies on the sphere: inner products rank as cosines do.
    let width = loop.shape.width
    let row = best.weights.values[best.weights.range(.items)].prefix(width)
    #expect(abs(row.reduce(0) { $0 + $1 * $1 } - Float(width)) < 1e-3)
  }

  @Test("a running mean is what is kept, and follows the weights")
  func averaged() throws {
    var settings = settings(.residual)
    settings.epochs = 1
    let (dataset, shape) = (try World.dataset(), World.shape(.residual))
    var plain = try Loop(dataset, shape: shape, settings: settings)
    let begun = plain.checkpoint.weights.values
    #expect(try run(&plain) == .complete)
    settings.average = 0.5
    var mean = try Loop(dataset, shape: shape, settings: settings)
    #expect(try run(&mean) == .complete)
    #expect(mean.checkpoint.weights == plain.checkpoint.weights)
    func distance(_ a: [Float], _ b: [Float]) -> Float {
      zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let (last, kept) = (plain.checkpoint.weights.values, mean.checkpoint.averaged)
    #expect(distance(kept, last) > 0 && distance(kept, last) < distance(begun, last) / 4)
    let best = try #require(mean.best)
    #expect(best.weights[.queryWeight] != plain.best?.weights[.queryWeight])
  }

  @Test("a run resumed from its file ends with the same bits", arguments: [0, 3, 8, 11])
  func resumed(batches: Int) throws {
    let (dataset, shape) = (try World.dataset(), World.shape(.residual))
    var settings = settings(.residual)
    settings.average = 0.9
    var whole = try Loop(dataset, shape: shape, settings: settings)
    #expect(try run(&whole) == .complete)
    var first = try Loop(dataset, shape: shape, settings: settings)
    #expect(try run(&first, batches: batches) == .stopped)
    let checkpoint = try Checkpoint(
      first.checkpoint.encoded(),
      file: "checkpoint",
      shape: shape,
      settings: settings.fields(shape: shape, dataset: dataset),
    )
    var second = try Loop(dataset, shape: shape, settings: settings, checkpoint: checkpoint)
    #expect(try run(&second) == .complete)
    #expect(second.checkpoint == whole.checkpoint && second.best == whole.best)
    #expect(whole.checkpoint.weights != first.checkpoint.weights)
  }

  @Test("only the published model under the published objective is learned by examples")
  func published() {
    let settings = World.settings(.linear)
    #expect(settings.isPublished(World.shape(.linear)) && settings.isPublished(World.shape(.mlp)))
    #expect(!settings.isPublished(World.shape(.residual)))
    var deep = World.shape(.mlp)
    deep.blocks = 2
    #expect(!settings.isPublished(deep))
    #expect(!self.settings(.mlp).isPublished(World.shape(.mlp)))
  }

  @Test("where seen items are left out of the softmax, validation leaves them out too")
  func unseen() throws {
    var settings = settings(.residual)
    settings.epochs = 1
    settings.objective.excludesSeen = true
    let dataset = try World.dataset()
    var loop = try Loop(dataset, shape: World.shape(.residual), settings: settings)
    #expect(try run(&loop) == .complete)
    let best = try #require(loop.best)
    func gain(excludesSeen: Bool) throws -> Double {
      var options = RankingOptions(serving: settings.serving)
      options.seed = settings.seed
      options.excludesSeen = excludesSeen
      var ranking = try FullRanking(best.weights, schedule: settings.schedule, options: options)
      let all = Array(0..<dataset.validation.count)
      let ranks = ranking.ranks(of: dataset.validation, at: all)
      return RankMetric(.ndcg, cutoff: 20).mean(of: ranks)
    }
    #expect(best.metrics["ndcg@20"] == (try gain(excludesSeen: true)))
    #expect(best.metrics["ndcg@20"] != (try gain(excludesSeen: false)))
  }

  @Test("the rate rises, then falls along a cosine")
  func rate() {
    var settings = World.settings { $0.warmUp = 4 }
    #expect(settings.rate(after: 0, share: 0) == 0.0025)
    #expect(settings.rate(after: 9, share: 1) == 0.01)
    settings.decays = true
    #expect(abs(settings.rate(after: 9, share: 0.5) - 0.005) < 1e-6)
    #expect(settings.rate(after: 9, share: 1) < 1e-9)
  }

  @Test("the rate is next to 0 at the last step, though batches of windows are not of one size")
  func lastRate() throws {
    var settings = settings(.none)
    settings.batch = 17
    let (dataset, shape) = (try World.dataset(), World.shape(.none))
    var whole = try Loop(dataset, shape: shape, settings: settings)
    var (steps, before) = (0, 0.0)
    _ = try whole.run(
      report: { if case .batch = $0 { steps += 1 } },
      save: { _ in },
      shouldStop: { false }
    )
    #expect(steps < settings.epochs * (dataset.training.count / 17 + 1))
    for step in 0..<steps {
      var loop = try Loop(dataset, shape: shape, settings: settings)
      _ = try run(&loop, batches: step)
      #expect(step == 0 || loop.progress > before && loop.progress < before + 1.5 / Double(steps))
      before = loop.progress
    }
    #expect(before >= 1 - 1.1 / Double(steps))
  }
}
