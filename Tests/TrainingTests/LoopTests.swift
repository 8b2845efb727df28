import Diffusion
import Evaluation
import Network
import Testing

@testable import Training

/// A world in which item i is always followed by item i + 1, and small models of it.
enum World {
  static let items = 60

  static func dataset() throws -> Dataset {
    var log = ClickLog()
    var later = ClickLog()
    for start in 0..<items {
      try log.append((start..<(start + 5)).map { "\($0 % items)" })
      try later.append((start..<(start + 3)).map { "\($0 % items)" })
    }
    var options = Dataset.Options()
    options.length = 3
    return try Dataset(log, later: later, options: options)
  }

  static func shape(_ denoiser: Shape.Denoiser = .linear) -> Shape {
    Shape(items: items, length: 3, width: 16, denoiser: denoiser)
  }

  static func settings(
    _ denoiser: Shape.Denoiser = .linear,
    _ change: (inout Loop.Settings) -> Void = { _ in }
  ) -> Loop.Settings {
    let isLinear = denoiser == .linear
    var settings = Loop.Settings(
      serving: .init(sampler: isLinear ? .folded : .ddim, steps: isLinear ? 20 : 10, guidance: 3)
    )
    settings.schedule.steps = 20
    settings.epochs = 3
    settings.batch = 32
    settings.rate = 1e-2
    settings.seed = 7
    change(&settings)
    return settings
  }
}

@Suite("Loop")
struct LoopTests {
  @Test("every example is in an epoch once, in another order each time")
  func epochs() throws {
    let dataset = try World.dataset()
    var batches = batches(dataset)
    #expect(dataset.training.count == 240 && batches.count == 8)
    var orders: [[Int32]] = []
    for epoch in 0..<2 {
      var seen: [Int32] = []
      for index in 0..<batches.count {
        let batch = batches.batch(index, epoch: epoch)
        #expect(batch.targets.count == (index < 7 ? 32 : 16))
        seen += batch.targets
      }
      #expect(seen.sorted() == (0..<240).map { dataset.training.target($0) ?? -1 }.sorted())
      orders.append(seen)
    }
    #expect(orders[0] != orders[1])
  }

  @Test("a batch is a function of seed, epoch and place, whatever came before it")
  func batchesAreFunctions() throws {
    let dataset = try World.dataset()
    var walked = batches(dataset)
    var last = walked.batch(0, epoch: 0)
    for index in 1..<4 { last = walked.batch(index, epoch: 1) }
    var fresh = batches(dataset)
    #expect(fresh.batch(3, epoch: 1) == last)
    var other = batches(dataset) { $0.seed = 8 }
    #expect(other.batch(3, epoch: 1) != last)
  }

  @Test("a batch holds its histories padded on the right, and hides a share p of them")
  func content() throws {
    let dataset = try World.dataset()
    var batches = batches(dataset) {
      $0.batch = 240
      $0.conditionDropout = 0.25
    }
    let batch = batches.batch(0, epoch: 0)
    for row in 0..<240 {
      let length = Int(batch.lengths[row])
      let history = batch.histories[(3 * row)..<(3 * row + 3)]
      #expect(history.suffix(3 - length).allSatisfy { $0 == Int32(World.items) })
      let ids = (history.prefix(length) + [batch.targets[row]]).compactMap {
        Int(dataset.items.ids[Int($0)])
      }
      #expect(ids.indices.dropFirst().allSatisfy { ids[$0] == (ids[$0 - 1] + 1) % World.items })
    }
    #expect(batch.steps.allSatisfy { (0..<20).contains($0) } && Set(batch.steps).count == 20)
    #expect(batch.dropout == 0.1 && batch.dropoutSeed != nil)
    #expect((150...210).contains(batch.keepsCondition.count { $0 }))
    let mean = batch.noise.reduce(0, +) / Float(batch.noise.count)
    #expect(batch.noise.count == 240 * 16 && abs(mean) < 0.1)
  }

  @Test("what follows is learned", .timeLimit(.minutes(1)), arguments: Shape.Denoiser.allCases)
  func learns(_ denoiser: Shape.Denoiser) throws {
    let settings = World.settings(denoiser) {
      $0.epochs = 40
      $0.validateEvery = 10
      $0.dropout = 0
      if denoiser == .none { $0.objective.loss = .crossEntropy }
    }
    var loop = try Loop(try World.dataset(), shape: World.shape(denoiser), settings: settings)
    var losses: [Double] = []
    let ending = try loop.run(
      report: { if case .epoch(_, let loss, _, _) = $0 { losses.append(loss) } },
      save: { _ in },
      shouldStop: { false },
    )
    #expect(ending == .complete)
    #expect(losses.count == 40 && losses[39] < losses[0] / 2)
    // By chance a third of the targets are among the first twenty of sixty.
    #expect(try #require(loop.best).metrics["hr@20", default: 0] > 0.6)
  }

  @Test(
    "a run stopped after any batch and resumed from its file ends with the same bits",
    arguments: [0, 1, 8, 13, 16, 23],
  )
  func resumed(batches: Int) throws {
    let dataset = try World.dataset()
    let settings = World.settings()
    var whole = try Loop(dataset, shape: World.shape(), settings: settings)
    #expect(try run(&whole) == .complete)

    var first = try Loop(dataset, shape: World.shape(), settings: settings)
    #expect(try run(&first, batches: batches) == .stopped)
    let checkpoint = try Checkpoint(
      first.checkpoint.encoded(),
      file: "checkpoint",
      shape: World.shape(),
      settings: settings.fields(shape: World.shape(), dataset: dataset),
    )
    #expect(checkpoint == first.checkpoint)
    var second = try Loop(
      dataset,
      shape: World.shape(),
      settings: settings,
      checkpoint: checkpoint,
    )
    #expect(second.examplesDone == batches * 30)
    #expect(try run(&second) == .complete)
    #expect(second.checkpoint == whole.checkpoint)
    #expect(second.best == whole.best)
    #expect(whole.checkpoint.weights != first.checkpoint.weights)
  }

  @Test("every epoch is saved, complete")
  func saved() throws {
    var loop = try Loop(try World.dataset(), shape: World.shape(), settings: World.settings())
    var saved: [Checkpoint] = []
    _ = try loop.run(
      report: { _ in },
      save: { saved.append($0.checkpoint) },
      shouldStop: { false },
    )
    #expect(saved.map(\.epoch) == [1, 2, 3])
    #expect(saved.map(\.batch) == [0, 0, 0])
    #expect(saved.last == loop.checkpoint)
  }

  @Test("the best weights are those of the epoch with the best metric, the first of equals")
  func best() throws {
    let settings = World.settings {
      $0.epochs = 6
      $0.metric = .gain
    }
    var loop = try Loop(try World.dataset(), shape: World.shape(), settings: settings)
    var measured: [Double] = []
    var weights: [Weights] = []
    _ = try loop.run(
      report: {
        if case .epoch(_, _, let metrics?, _) = $0 { measured.append(metrics[.gain] ?? 0) }
      },
      save: { weights.append($0.checkpoint.weights) },
      shouldStop: { false },
    )
    let best = try #require(loop.best)
    let highest = try #require(measured.max())
    #expect(measured.firstIndex(of: highest) == best.epoch - 1)
    #expect(best.metrics["ndcg@20"] == highest)
    #expect(best.weights == weights[best.epoch - 1])
  }

  @Test("training ends when patience does, and resuming then trains no more")
  func patience() throws {
    let settings = World.settings {
      $0.epochs = 50
      $0.rate = 1e-30
      $0.patience = 2
      $0.validateEvery = 2
    }
    let dataset = try World.dataset()
    var loop = try Loop(dataset, shape: World.shape(), settings: settings)
    #expect(try run(&loop) == .outOfPatience)
    #expect(loop.epoch == 6 && loop.best?.epoch == 2)
    var again = try Loop(
      dataset,
      shape: World.shape(),
      settings: settings,
      checkpoint: loop.checkpoint,
    )
    #expect(try run(&again) == .outOfPatience)
    #expect(again.checkpoint == loop.checkpoint)
  }

  @Test("a loss that is no number ends training with advice")
  func diverged() throws {
    let dataset = try World.dataset()
    var checkpoint = try Loop(dataset, shape: World.shape(), settings: World.settings()).checkpoint
    for i in checkpoint.weights.values.indices { checkpoint.weights.values[i] *= 1e30 }
    var loop = try Loop(
      dataset,
      shape: World.shape(),
      settings: World.settings(),
      checkpoint: checkpoint,
    )
    let failure = #expect(throws: TrainingFailure.self) { try run(&loop) }
    #expect(failure?.reason.contains("lower rate than 0.01") == true)
  }

  @Test("every setting out of its range is named, all at once")
  func problems() throws {
    let settings = World.settings {
      $0.epochs = 0
      $0.batch = 0
      $0.rate = .nan
      $0.weightDecay = 1
      $0.dropout = -0.1
      $0.conditionDropout = 1
      $0.schedule.steps = 1
      $0.serving.guidance = .infinity
      $0.serving.steps = 2
      $0.validateEvery = 0
      $0.validationLimit = 0
      $0.patience = -1
    }
    #expect(settings.problems(of: .linear).count == 12)
    #expect(World.settings().problems(of: .linear).isEmpty)
    let huge = World.settings {
      ($0.epochs, $0.batch, $0.warmUp) = (.max, .max, .max)
      ($0.validateEvery, $0.patience) = (.max, .max)
    }
    #expect(huge.problems(of: .linear).count == 5)
    let failure = #expect(throws: TrainingFailure.self) {
      try Loop(try World.dataset(), shape: World.shape(), settings: settings)
    }
    #expect(failure?.reason.split(separator: "\n").count == 12)
  }

  @Test("what would change nothing is refused by name")
  func unused() {
    let cases: [(String, Shape.Denoiser, (inout Objective) -> Void)] = [
      ("loss mse", .none, { _ in }), ("loss cosine", .none, { $0.loss = .cosine }),
      ("encoder weight", .mlp, { $0.encoderWeight = 1 }),
      ("encoder weight", .mlp, { ($0.loss, $0.encoderWeight) = (.cosine, 1) }),
      ("encoder weight", .none, { ($0.loss, $0.encoderWeight) = (.binary, 1) }),
      ("exclude seen", .mlp, { ($0.loss, $0.excludesSeen) = (.binary, true) }),
      ("candidates", .mlp, { $0.candidates = 9 }),
      ("temperature", .mlp, { ($0.loss, $0.temperature) = (.crossEntropy, 1) }),
      ("temperature", .mlp, { ($0.loss, $0.sphere, $0.temperature) = (.binary, true, 1) }),
      ("square weight", .none, { ($0.loss, $0.squareWeight) = (.binary, 1) }),
      ("consistency weight", .none, { ($0.loss, $0.consistencyWeight) = (.binary, 1) }),
      ("preference weight", .none, { ($0.loss, $0.preferenceWeight) = (.binary, 1) }),
      ("preference slope", .mlp, { $0.preferenceSlope = 2 }),
      ("noise bias", .none, { ($0.loss, $0.noiseBias) = (.binary, 2) }),
      ("freeze encoder", .none, { ($0.loss, $0.freezesEncoder) = (.binary, true) }),
    ]
    for (name, denoiser, change) in cases {
      var objective = Objective()
      change(&objective)
      let problems = objective.problems(of: denoiser)
      #expect(problems.count == 1 && problems.allSatisfy { $0.hasPrefix("\(name) wants ") })
    }
  }

  private func batches(
    _ dataset: Dataset,
    _ change: (inout Loop.Settings) -> Void = { _ in }
  ) -> Batches {
    Batches(
      dataset.training,
      settings: World.settings(.linear, change),
      length: 3,
      items: World.items,
      width: 16,
    )
  }

  /// Runs to the end, or for a number of batches.
  private func run(_ loop: inout Loop, batches: Int = .max) throws -> Loop.Ending {
    var left = batches
    return try loop.run(
      report: { _ in },
      save: { _ in },
      shouldStop: {
        left -= 1
        return left < 0
      },
    )
  }
}
