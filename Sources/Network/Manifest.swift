package import Diffusion

/// What a model is, how it was made and how it is served: `manifest.json` of a model directory.
package struct Manifest: Codable, Equatable, Sendable {
  /// The format this program writes and the only one it reads.
  package static let format = 1

  /// How suggestions are generated where nothing else is asked for.
  package struct Serving: Codable, Equatable, Sendable {
    package enum Sampler: String, Codable, CaseIterable, Sendable {
      /// The whole reverse chain as one affine map; of a linear denoiser only.
      case folded
      case ddim
      case ddpm
    }

    package var sampler: Sampler
    /// Denoiser calls: all T for `folded` and `ddpm`.
    package var steps: Int
    /// The guidance scale, w.
    package var guidance: Float
    /// Denoising stops once so many steps in a row changed the estimate by less than this part of
    /// it; nil or 0 never stops.
    package var relativeChange: Float?
    package var patience: Int?

    enum CodingKeys: String, CodingKey {
      case sampler, steps, guidance, patience
      case relativeChange = "relative_change"
    }

    package init(
      sampler: Sampler,
      steps: Int,
      guidance: Float,
      relativeChange: Float? = nil,
      patience: Int? = nil
    ) {
      self.sampler = sampler
      self.steps = steps
      self.guidance = guidance
      self.relativeChange = relativeChange
      self.patience = patience
    }

    /// These defaults but for what is asked for.
    ///
    /// A stopping rule was chosen for a sampler and its steps: with others it does not count.
    package func overridden(
      sampler: Sampler? = nil,
      steps: Int? = nil,
      guidance: Float? = nil,
      relativeChange: Float? = nil,
      patience: Int? = nil
    ) -> Serving {
      var serving = self
      serving.sampler = sampler ?? self.sampler
      serving.steps = steps ?? self.steps
      serving.guidance = guidance ?? self.guidance
      if serving.sampler != self.sampler || serving.steps != self.steps {
        (serving.relativeChange, serving.patience) = (nil, nil)
      }
      serving.relativeChange = relativeChange ?? serving.relativeChange
      serving.patience = patience ?? serving.patience
      return serving
    }

    /// When a row may leave its batch.
    package var rule: StoppingRule {
      StoppingRule(tolerance: relativeChange ?? 0, patience: patience ?? 1)
    }
  }

  /// What the serving defaults were chosen by.
  package struct Calibration: Codable, Equatable, Sendable {
    /// File name of the clicks, without its folder.
    package var source: String
    package var examples: Int
    /// DDIM steps of what the choice is held against.
    package var referenceSteps: Int
    /// NDCG@20 of the reference and of the choice.
    package var reference: Double
    package var ndcg: Double
    /// What the choice is better by at least, relative to the reference: the lower end of the 95 %
    /// interval, so a one-sided bound at 97.5 %.
    package var atLeast: Double
    /// The mean share of the reference's first 20 items that the choice has among its own.
    package var overlap: Double
    package var meanSteps: Double
    package var p50Steps: Int
    package var p99Steps: Int

    enum CodingKeys: String, CodingKey {
      case source, examples, reference, ndcg, overlap
      case referenceSteps = "reference_steps"
      case atLeast = "at_least"
      case meanSteps = "mean_steps"
      case p50Steps = "p50_steps"
      case p99Steps = "p99_steps"
    }

    package init(
      source: String,
      examples: Int,
      referenceSteps: Int,
      reference: Double,
      ndcg: Double,
      atLeast: Double,
      overlap: Double,
      meanSteps: Double,
      p50Steps: Int,
      p99Steps: Int
    ) {
      self.source = source
      self.examples = examples
      self.referenceSteps = referenceSteps
      self.reference = reference
      self.ndcg = ndcg
      self.atLeast = atLeast
      self.overlap = overlap
      self.meanSteps = meanSteps
      self.p50Steps = p50Steps
      self.p99Steps = p99Steps
    }
  }

  /// How the model was made.
  package struct Training: Codable, Equatable, Sendable {
    /// File name of the clicks, without its folder.
    package var source: String
    package var validation: String?
    package var examples: Int
    package var epochs: Int
    /// The epoch, counted from 1, whose weights these are.
    package var bestEpoch: Int
    package var batch: Int
    package var rate: Float
    package var weightDecay: Float
    package var dropout: Float
    package var conditionDropout: Float
    package var seed: UInt64
    /// What was made small, where it was not the published objective: settings by name.
    package var objective: [String: String]?
    /// ISO 8601.
    package var started: String?
    package var finished: String?

    enum CodingKeys: String, CodingKey {
      case source, validation, examples, epochs, batch, rate, dropout, seed, started, finished
      case objective
      case bestEpoch = "best_epoch"
      case weightDecay = "weight_decay"
      case conditionDropout = "condition_dropout"
    }

    package init(
      source: String,
      validation: String? = nil,
      examples: Int,
      epochs: Int,
      bestEpoch: Int,
      batch: Int,
      rate: Float,
      weightDecay: Float,
      dropout: Float,
      conditionDropout: Float,
      seed: UInt64,
      objective: [String: String]? = nil,
      started: String? = nil,
      finished: String? = nil,
    ) {
      self.source = source
      self.validation = validation
      self.examples = examples
      self.epochs = epochs
      self.bestEpoch = bestEpoch
      self.batch = batch
      self.rate = rate
      self.weightDecay = weightDecay
      self.dropout = dropout
      self.conditionDropout = conditionDropout
      self.seed = seed
      self.objective = objective
      self.started = started
      self.finished = finished
    }
  }

  /// What another file of the directory must be, byte for byte.
  package struct File: Codable, Equatable, Sendable {
    package let bytes: Int
    package let sha256: String
  }

  package var format = Self.format
  package var name: String
  /// `sha256:` and the hash of what `sha256sum items.tsv model.safetensors` prints.
  ///
  /// Two models of one version give the same suggestions: the tensors, the catalogue, and (in the
  /// tensors' metadata) denoiser and schedule are all in it.
  package internal(set) var version = ""
  package var shape: Shape
  package var schedule: NoiseSchedule.Description
  package var serving: Serving
  package var calibration: Calibration?
  package var training: Training
  /// What validation measured for these weights, by name: `hr@20`, `ndcg@20`.
  package var metrics: [String: Double]
  package internal(set) var files: [String: File] = [:]

  package init(
    name: String,
    shape: Shape,
    schedule: NoiseSchedule.Description,
    serving: Serving,
    training: Training,
    metrics: [String: Double],
  ) {
    self.name = name
    self.shape = shape
    self.schedule = schedule
    self.serving = serving
    self.training = training
    self.metrics = metrics
  }

  /// What is wrong with the values, if anything: the first field out of its range.
  func problem(in file: String) -> NetworkFailure? {
    func check(_ field: String, _ sound: Bool, _ expected: String, _ found: Any) -> NetworkFailure?
    {
      sound ? nil : NetworkFailure(file, field: field, expected: expected, found: "\(found)")
    }
    let shapeProblem =
      check("format", format == Self.format, "\(Self.format)", format)
      ?? check("name", !name.isEmpty, "a name", "nothing")
      ?? check("shape.items", (1..<Int(Int32.max)).contains(shape.items), "1 or more", shape.items)
      ?? check("shape.length", (1...4096).contains(shape.length), "1 to 4096", shape.length)
      ?? check(
        "shape.width",
        (4...4096).contains(shape.width) && shape.width.isMultiple(of: 2),
        "an even number, 4 to 4096",
        shape.width,
      )
      ?? check("shape.blocks", (1...64).contains(shape.blocks), "1 to 64", shape.blocks)
      ?? check(
        "shape.heads",
        (1...64).contains(shape.heads) && shape.width.isMultiple(of: max(1, shape.heads)),
        "1 to 64, dividing the width",
        shape.heads
      )
    return shapeProblem
      ?? check(
        "schedule.steps",
        NoiseSchedule.limits.contains(schedule.steps),
        "\(NoiseSchedule.limits.lowerBound) to \(NoiseSchedule.limits.upperBound)",
        schedule.steps
      )
      ?? check(
        "serving.steps",
        (1...schedule.steps).contains(serving.steps),
        "1 to \(schedule.steps)",
        serving.steps,
      )
      ?? check(
        "serving.sampler",
        serving.sampler != .folded || shape.denoiser == .linear,
        "ddim or ddpm, for what is no linear denoiser",
        serving.sampler.rawValue,
      )
      ?? check(
        "serving.guidance",
        serving.guidance >= 0 && serving.guidance.isFinite,
        "0 or more",
        serving.guidance,
      )
      ?? check(
        "serving.relative_change",
        (0..<1).contains(serving.relativeChange ?? 0),
        "0 to under 1",
        serving.relativeChange ?? 0,
      )
      ?? check(
        "serving.patience",
        (1...100).contains(serving.patience ?? 1),
        "1 to 100",
        serving.patience ?? 1,
      )
  }
}
