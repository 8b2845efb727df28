import ArgumentParser
import Diffusion
import Evaluation
import Files
import Foundation
import Network
import Synchronization
import Training

/// Trains a model on a file of clicks.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on a file of clicks.",
    discussion: """
      After each epoch the state is stored in the model's directory. Ctrl-C stops after the batch \
      at hand; the same command with --resume goes on as if it had never stopped.
      """
  )

  @Option(help: "Clicks: TSV, CSV or NDJSON; gzip too.") var clicks: String
  @OptionGroup var reading: ClickOptions
  @Option(help: "The directory to write the model to.") var output: String
  @Option(help: "Clicks to validate on, in a file of their own.") var validation: String?
  @Option(help: "The part that trains, where the file has a column `split`.") var part = "train"
  @Option(help: "The part that validates. (default: val, valid or validation)")
  var validationPart: String?
  @Option(help: "The last share that validates where the file does not say.")
  var heldOut = Dataset.Options().heldOut
  @Flag(help: "Learn and judge the first click of a session too; DreamRec as published only.")
  var emptyHistories = false
  @Flag(help: "Give items that only validation has untrained rows, as published protocols do.")
  var wholeCatalogue = false
  @Option(help: "The model's name. (default: the directory's)") var name: String?

  @Option(help: "linear or mlp (DreamRec's), residual, adaptive, or none for the encoder alone.")
  var denoiser = Shape.Denoiser.linear
  @Option(help: "linear, cosine, exp or sqrt.") var schedule = NoiseSchedule.Name.linear
  @Option(help: "Noising steps, T.") var steps = 500
  @Option(help: "Clicks of a history that count, L.") var length = 10
  @Option(help: "The embedding's width, d.") var width = 64
  @Option(help: "Blocks of the encoder.") var blocks = 1
  @Option(help: "Heads of a block's attention.") var heads = 1

  @Option(help: "mse as DreamRec has it, cosine, ce (cross-entropy over the catalogue), or bce.")
  var loss = Objective.Loss.meanSquare
  @Flag(help: "Item embeddings of one length; scores are cosines.") var sphere = false
  @Option(help: "What cosines are divided by before the softmax of ce.")
  var temperature: Float = 0.1
  @Option(help: "What a ranking loss of the encoder alone counts, beside the estimate's.")
  var encoderWeight: Float = 0
  @Option(help: "What the square error counts, beside a ranking loss.") var squareWeight: Float = 0
  @Option(help: "What the change of the estimate from a step to the next counts (TA-Rec).")
  var consistencyWeight: Float = 0
  @Option(help: "What preferring the target to the batch's mean counts (PreferDiff).")
  var preferenceWeight: Float = 0
  @Option(help: "How sharply the target is preferred.") var preferenceSlope: Float = 1
  @Option(help: "Items drawn for an update's softmax; 0 for all.") var candidates = 0
  @Flag(help: "Leave what is in the history out of softmax and validation: if no click repeats.")
  var excludeSeen = false
  @Flag(help: "Let only the denoiser learn; --initial gives the encoder.") var freezeEncoder = false
  @Option(help: "Above 1: how strongly training draws t towards the last step, T.")
  var noiseBias: Float = 1

  @Option(help: "The deviation of item and position embeddings at the start.")
  var spread: Float = 1

  @Option(help: "A model of the same encoder to begin with, and what it knows of the items.")
  var initial: String?

  @Option(help: "Epochs at most.") var epochs = 100
  @Option(help: "Examples of an update.") var batch = 256
  @Option(help: "AdamW's learning rate.") var rate: Float = 1e-3
  @Option(help: "Updates in which the rate rises from 0.") var warmUp = 0
  @Flag(help: "Let the rate fall along a cosine, to 0 at the last epoch.") var decay = false
  @Option(help: "Keep a running mean of the weights, this much of it at an update, such as 0.999.")
  var average: Float = 0
  @Option(help: "AdamW's weight decay.") var weightDecay: Float = 0
  @Option(help: "The chance that an activation is zeroed.") var dropout: Float = 0.1
  @Option(help: "The chance that a history is hidden.") var conditionDropout: Float = 0.1
  @Option(help: "The seed of all that is random.") var seed: UInt64 = 0

  @Option(help: "Guidance of generation, w.") var guidance: Float = 2
  @Option(help: "Steps of generation, but for a linear denoiser. (default: mlp 50, others 2)")
  var samplerSteps: Int?
  @Option(help: "What the best epoch is chosen by: hr@20 or ndcg@20.")
  var metric = Loop.Metric.hitRate
  @Option(help: "Epochs from one validation to the next.") var validateEvery = 1
  @Option(help: "Validation examples at most.") var validationLimit = 10_000
  @Option(help: "Validations without a better metric that end training; 0 for never.")
  var patience = 10

  /// For the demonstration, whose model is gone when it ends.
  @Flag(help: .hidden) var withoutSummary = false
  @Flag(help: "Go on from the checkpoint in the directory.") var resume = false
  @Flag(help: "Replace a model or a checkpoint that is there.") var overwrite = false

  func validate() throws {
    var problems = settings().problems(of: denoiser)
    if !(1...4096).contains(length) { problems.append("length is \(length); it wants 1 to 4096") }
    if !(4...4096).contains(width) || !width.isMultiple(of: 2) {
      problems.append("width is \(width); it wants an even number, 4 to 4096")
    }
    if !(1...64).contains(blocks) { problems.append("blocks is \(blocks); it wants 1 to 64") }
    if !(1...64).contains(heads) || !width.isMultiple(of: heads) {
      problems.append("heads is \(heads); it wants 1 to 64, dividing the width \(width)")
    }
    if freezeEncoder, initial == nil {
      problems.append("freeze encoder wants --initial, for the encoder")
    }
    let shape = Shape(
      items: 1,
      length: length,
      width: width,
      denoiser: denoiser,
      blocks: blocks,
      heads: heads
    )
    if emptyHistories, initial != nil || !settings().isPublished(shape) {
      problems.append(
        "empty histories wants DreamRec as published: other training learns from windows of clicks"
      )
    }
    if !(0.0001..<1).contains(heldOut) {
      problems.append("held out is \(heldOut); it wants 0.0001 to under 1")
    }
    if name?.isEmpty == true { problems.append("name is empty") }
    if validation != nil, validationPart != nil, part == validationPart {
      problems.append("validation part is the part that trains")
    }
    if resume, overwrite { problems.append("resume and overwrite contradict each other") }
    if !problems.isEmpty { throw ValidationError(problems.joined(separator: "\n")) }
  }

  func run() throws {
    try checkOutput()
    let started = Date.now
    let initial = try initial.map { try loadModel($0, givenBy: "--initial") }
    let dataset = try Dataset(
      try reading.read(clicks),
      later: try validation.map { try reading.read($0) },
      options: options
    )
    let shape = Shape(
      items: dataset.items.ids.count,
      length: length,
      width: width,
      denoiser: denoiser,
      blocks: blocks,
      heads: heads
    )
    var loop = try Loop(
      dataset,
      shape: shape,
      settings: settings(initial),
      initial: initial,
      checkpoint: try resume ? readCheckpoint(shape, dataset, initial) : nil
    )
    try WholeDirectory.make(output)
    let signals = StopSignals { isInterrupted.store(true, ordering: .relaxed) }
    defer { signals.cancel() }
    var display = TrainingDisplay(loop)
    let ending = try loop.run(
      report: { display.show($0) },
      save: { loop throws(TrainingFailure) in try save(loop) },
      shouldStop: { isInterrupted.load(ordering: .relaxed) }
    )
    display.finish()
    if ending == .stopped {
      try save(loop)
      writeToStandardError(
        "stopped in epoch \(loop.epoch + 1); the same command with --resume goes on\n"
      )
      throw ExitCode(130)
    }
    guard let best = loop.best else { throw TrainingFailure("nothing was trained: epochs is 0") }
    let manifest = try write(loop, best, started: started)
    try save(loop)
    if !withoutSummary { summarise(loop, best, manifest, ending) }
  }
}

extension Train {
  private var options: Dataset.Options {
    var options = Dataset.Options()
    options.length = length
    options.part = part
    options.validationPart = validationPart
    options.emptyHistories = emptyHistories
    options.heldOut = heldOut
    options.wholeCatalogue = wholeCatalogue
    return options
  }

  private func settings(_ initial: Model? = nil) -> Loop.Settings {
    // The folded chain is the exact distribution of all T steps; of an mlp, 50 steps come close.
    let few = [Shape.Denoiser.mlp: 50, .residual: 2, .adaptive: 2, .none: 1][denoiser] ?? steps
    let serving = Manifest.Serving(
      sampler: denoiser == .linear ? .folded : .ddim,
      steps: denoiser == .linear ? steps : samplerSteps ?? min(few, steps),
      guidance: guidance
    )
    var settings = Loop.Settings(serving: serving)
    settings.schedule = .init(name: schedule, steps: steps)
    settings.epochs = epochs
    settings.batch = batch
    settings.rate = rate
    settings.warmUp = warmUp
    settings.decays = decay
    settings.objective.loss = loss
    settings.objective.sphere = sphere
    settings.objective.temperature = temperature
    settings.objective.encoderWeight = encoderWeight
    settings.objective.squareWeight = squareWeight
    settings.objective.consistencyWeight = consistencyWeight
    settings.objective.preferenceWeight = preferenceWeight
    settings.objective.preferenceSlope = preferenceSlope
    settings.objective.candidates = candidates
    settings.objective.excludesSeen = excludeSeen
    settings.objective.freezesEncoder = freezeEncoder
    settings.objective.noiseBias = noiseBias
    settings.objective.spread = spread
    settings.weightDecay = weightDecay
    settings.average = average
    settings.dropout = dropout
    settings.conditionDropout = conditionDropout
    settings.seed = seed
    settings.initial = initial?.manifest.version
    settings.metric = metric
    settings.validateEvery = validateEvery
    settings.validationLimit = validationLimit
    settings.patience = patience
    return settings
  }

  private var checkpointPath: String { output + "/" + ModelDirectory.checkpointName }

  /// Refuses to write over what is there, before any work is done.
  private func checkOutput() throws {
    try ModelDirectory.refuseToReplace(output, replacing: true)
    if ModelDirectory.exists(output), !resume, !overwrite {
      throw CommandFailure("\(output) holds a model: --overwrite replaces it, --resume goes on")
    }
    let exists = FileManager.default.fileExists(atPath: checkpointPath)
    if exists, !resume, !overwrite {
      throw CommandFailure(
        "\(checkpointPath) is an unfinished run: --resume goes on, --overwrite begins again"
      )
    }
    if resume, !exists {
      throw CommandFailure("there is no \(checkpointPath) to resume from")
    }
  }

  private func readCheckpoint(
    _ shape: Shape,
    _ dataset: Dataset,
    _ initial: Model?
  ) throws -> Checkpoint {
    try Checkpoint(
      try WholeFile.read(checkpointPath),
      file: checkpointPath,
      shape: shape,
      settings: settings(initial).fields(shape: shape, dataset: dataset)
    )
  }

  private func save(_ loop: Loop) throws(TrainingFailure) {
    do {
      try WholeFile.replace(checkpointPath, with: loop.checkpoint.encoded())
    } catch {
      throw TrainingFailure(error.description, remedy: .retry)
    }
  }

  private func write(
    _ loop: Loop,
    _ best: Checkpoint.Best,
    started: Date
  ) throws(NetworkFailure) -> Manifest {
    func fileName(_ path: String) -> String { URL(filePath: path).lastPathComponent }
    let manifest = Manifest(
      name: name ?? fileName(output),
      shape: loop.shape,
      schedule: loop.settings.schedule,
      serving: loop.settings.serving,
      training: .init(
        source: fileName(clicks),
        validation: validation.map(fileName),
        examples: loop.dataset.training.count,
        epochs: loop.epoch,
        bestEpoch: best.epoch,
        batch: batch,
        rate: rate,
        weightDecay: weightDecay,
        dropout: dropout,
        conditionDropout: conditionDropout,
        seed: seed,
        objective: objective(of: loop.settings),
        started: started.formatted(.iso8601),
        finished: Date.now.formatted(.iso8601),
      ),
      metrics: best.metrics
    )
    let model = Model(manifest: manifest, weights: best.weights, items: loop.dataset.items)
    let before = resume ? try? ModelDirectory.load(output).manifest : nil
    let written = try ModelDirectory.write(model, to: output, replacing: overwrite || resume)
    guard let before, let calibration = before.calibration else { return written }
    // The same weights are served as they were calibrated.
    if before.version == written.version {
      try ModelDirectory.calibrate(output, serving: before.serving, by: calibration)
    } else {
      writeToStandardError("other weights: `dreamstream calibrate` has to choose again\n")
    }
    return written
  }

  /// What a manifest records where it is not the published objective from the beginning.
  private func objective(of settings: Loop.Settings) -> [String: String]? {
    var more = settings.initial.map { ["initial": $0] } ?? [:]
    if settings.average > 0 { more["average"] = "\(settings.average)" }
    if settings.objective.isPublished, more.isEmpty { return nil }
    return settings.objective.fields.merging(more) { $1 }
  }

  private func summarise(
    _ loop: Loop,
    _ best: Checkpoint.Best,
    _ manifest: Manifest,
    _ ending: Loop.Ending
  ) {
    let (training, validation) = (loop.dataset.training, loop.dataset.validation)
    let epochs = "\(best.epoch) of \(loop.epoch)"
    print(
      """
      examples    \(training.count) to train on, \(validation.count) to validate on
      unknown     \(validation.unknownTargets) validation targets that training never saw: missed
      items       \(loop.shape.items)
      best epoch  \(epochs)\(ending == .outOfPatience ? ", ended by --patience \(patience)" : "")
      hr@20       \(percent(best.metrics["hr@20"] ?? 0))
      ndcg@20     \(percent(best.metrics["ndcg@20"] ?? 0))
      model       \(output), version \(manifest.version.prefix(19))
      next        dreamstream evaluate --model \(output) --clicks LATER --training \(clicks)
      """
    )
  }
}

func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

/// Whether the user asked to stop.
private let isInterrupted = Atomic(false)

extension Shape.Denoiser: ExpressibleByArgument {}
extension NoiseSchedule.Name: ExpressibleByArgument {}
extension Loop.Metric: ExpressibleByArgument {}
extension Objective.Loss: ExpressibleByArgument {}
