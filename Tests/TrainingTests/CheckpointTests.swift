import Diffusion
import Network
import Testing

@testable import Training

@Suite("Checkpoint")
struct CheckpointTests {
  let shape = World.shape()
  let settings: [String: String]
  let checkpoint: Checkpoint

  init() throws {
    settings = World.settings().fields(shape: shape, dataset: try World.dataset())
    var checkpoint = Checkpoint(weights: Weights(shape: shape, seed: 1), settings: settings)
    checkpoint.firstMoment[3] = -0.0
    checkpoint.secondMoment[4] = .leastNonzeroMagnitude
    (checkpoint.updates, checkpoint.epoch, checkpoint.batch) = (20, 2, 4)
    checkpoint.lossSum = 1 / 3
    self.checkpoint = checkpoint
  }

  func read(
    _ bytes: [UInt8],
    settings: [String: String]? = nil
  ) throws(NetworkFailure) -> Checkpoint {
    try Checkpoint(bytes, file: "checkpoint", shape: shape, settings: settings ?? self.settings)
  }

  @Test("a checkpoint reads back as it was written, with and without a best epoch")
  func roundTrip() throws {
    #expect(try read(checkpoint.encoded()) == checkpoint)
    var later = checkpoint
    later.best = .init(
      weights: Weights(shape: shape, seed: 2),
      epoch: 1,
      metrics: ["hr@20": 0.1, "ndcg@20": 1 / 7],
    )
    later.averaged = Weights(shape: shape, seed: 3).values
    #expect(try read(later.encoded()) == later)
  }

  @Test("another run's checkpoint is refused by the first setting that differs")
  func mismatched() throws {
    #expect(settings.count == 39)
    for (name, value) in settings {
      var others = settings
      others[name] = value + "0"
      let failure = #expect(throws: NetworkFailure.self) {
        try read(checkpoint.encoded(), settings: others)
      }
      #expect(failure?.field == name)
      #expect(failure?.expected == value + "0" && failure?.found == value)
    }
  }

  @Test("settings and data that change what is learned change the fields")
  func fields() throws {
    let dataset = try World.dataset()
    let changes: [(String, (inout Loop.Settings) -> Void)] = [
      ("schedule.name", { $0.schedule.name = .sqrt }),
      ("schedule.steps", { $0.schedule.steps = 21 }),
      ("batch", { $0.batch = 3 }), ("rate", { $0.rate = 0.5 }),
      ("weight_decay", { $0.weightDecay = 0.5 }), ("average", { $0.average = 0.9 }),
      ("dropout", { $0.dropout = 0.5 }),
      ("condition_dropout", { $0.conditionDropout = 0.5 }), ("seed", { $0.seed = 9 }),
      ("sampler", { $0.serving.sampler = .ddpm }), ("guidance", { $0.serving.guidance = 9 }),
      ("metric", { $0.metric = .gain }), ("validate_every", { $0.validateEvery = 9 }),
      ("validation_limit", { $0.validationLimit = 9 }), ("warm_up", { $0.warmUp = 9 }),
      ("decays", { $0.decays = true }), ("initial", { $0.initial = "sha256:9" }),
      ("loss", { $0.objective.loss = .cosine }), ("sphere", { $0.objective.sphere = true }),
      ("temperature", { $0.objective.temperature = 9 }),
      ("encoder_weight", { $0.objective.encoderWeight = 9 }),
      ("square_weight", { $0.objective.squareWeight = 9 }),
      ("consistency_weight", { $0.objective.consistencyWeight = 9 }),
      ("preference_weight", { $0.objective.preferenceWeight = 9 }),
      ("preference_slope", { $0.objective.preferenceSlope = 9 }),
      ("candidates", { $0.objective.candidates = 9 }),
      ("exclude_seen", { $0.objective.excludesSeen = true }),
      ("freeze_encoder", { $0.objective.freezesEncoder = true }),
      ("noise_bias", { $0.objective.noiseBias = 9 }), ("spread", { $0.objective.spread = 9 }),
    ]
    for (name, change) in changes {
      let changed = World.settings(.linear, change).fields(shape: shape, dataset: dataset)
      #expect(changed.filter { settings[$0.key] != $0.value }.keys.sorted() == [name])
    }
    var log = ClickLog()
    for start in 0..<World.items { try log.append(["\(start)", "\((start + 1) % World.items)"]) }
    let other = World.settings().fields(shape: shape, dataset: try Dataset(log, later: log))
    #expect(other["data"] != settings["data"])
    let unending = World.settings {
      $0.epochs = 9
      $0.patience = 9
    }
    #expect(unending.fields(shape: shape, dataset: dataset) == settings)
  }

  @Test(
    "a damaged checkpoint is refused by its field",
    arguments: [
      "format", "updates", "epoch", "batch", "loss_sum", "weights", "first_moment", "second_moment",
    ]
  )
  func damaged(field: String) throws {
    let file = try Safetensors(checkpoint.encoded(), file: "x")
    var metadata = file.metadata
    if metadata[field] != nil { metadata[field] = "-1?" }
    let blocks = try ["weights", "first_moment", "second_moment"].map { name in
      var values = try file.floats(name)
      if name == field { values.removeLast() }
      return (name, [values.count], values[...])
    }
    let failure = #expect(throws: NetworkFailure.self) {
      try read(Safetensors.encode(blocks, metadata: metadata))
    }
    #expect(failure?.field.hasSuffix(field) == true)
  }

  @Test("weights that are no numbers and counters below zero are refused")
  func senseless() throws {
    var broken = checkpoint
    broken.weights.values[5] = .nan
    #expect(throws: NetworkFailure.self) { try read(broken.encoded()) }
    broken = checkpoint
    broken.epoch = -1
    let failure = #expect(throws: NetworkFailure.self) { try read(broken.encoded()) }
    #expect(failure?.field == "epoch")
  }
}
