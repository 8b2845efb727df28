internal import Diffusion
internal import Kernels
internal import Matching
package import Network

/// What a suggestion costs: its session encoded, its oracle generated, its items found.
package struct GenerationBench {
  /// A denoiser, and how it is walked.
  package struct Setting: Sendable {
    package var denoiser: Shape.Denoiser
    package var sampler: Manifest.Serving.Sampler
    /// T, and DDIM's steps.
    package var steps: Int
    package var ddimSteps: Int
    package var items: Int
    package var length: Int
    package var guidance: Float

    package init(
      _ denoiser: Shape.Denoiser,
      _ sampler: Manifest.Serving.Sampler,
      steps: Int = 500,
      ddimSteps: Int = 1,
      items: Int = 10_000,
      length: Int = 10,
      guidance: Float = 2
    ) {
      self.denoiser = denoiser
      self.sampler = sampler
      self.steps = steps
      self.ddimSteps = ddimSteps
      self.items = items
      self.length = length
      self.guidance = guidance
    }

    /// Of random weights.
    var model: Model {
      .untrained(
        name: "bench",
        shape: Shape(items: items, length: length, denoiser: denoiser),
        schedule: .init(name: .exp, steps: steps),
        serving: .init(sampler: sampler, steps: ddimSteps, guidance: guidance)
      )
    }

    var described: [String: String] {
      [
        "denoiser": denoiser.rawValue, "sampler": sampler.rawValue, "T": "\(steps)",
        "items": "\(items)", "length": "\(length)",
        "steps": "\(sampler == .ddim ? ddimSteps : steps)",
      ]
    }
  }

  private let setting: Setting
  private let catalogue: Catalogue
  private var encoder: SequenceEncoder
  private var walk: Walk
  private var matcher = Matcher()

  package init(_ setting: Setting) throws {
    self.setting = setting
    let model = setting.model
    let shape = model.manifest.shape
    catalogue = try Catalogue(
      model.items.index,
      embeddings: model.weights.values[model.weights.range(.items)]
        .prefix(shape.items * shape.width),
      width: shape.width,
      counts: model.items.clicks
    )
    encoder = SequenceEncoder(model.weights)
    walk = try Walk(
      model.weights,
      schedule: model.manifest.schedule,
      serving: model.manifest.serving,
      rule: StoppingRule()
    )
  }

  /// Measures a batch: all of it, and stage by stage if that is wanted too.
  package mutating func run(
    batch: Int,
    stages: Bool = true,
    _ stopwatch: Stopwatch
  ) -> [Measurement] {
    var random = SystemRandomNumberGenerator()
    // A session by itself is of full length.
    let lengths = (0..<batch).map { Int32(setting.length - $0 % setting.length) }
    let history = (0..<lengths.reduce(0, +)).map { _ in
      Int32.random(in: 0..<Int32(setting.items), using: &random)
    }
    let keys = (0..<batch).map { NoiseKey(seed: 1, user: UInt64($0), position: 1) }
    var settings = setting.described
    settings["batch"] = "\(batch)"
    var conditions = [Float](repeating: 0, count: batch * catalogue.width)
    var oracles: [Float] = []

    func encode() {
      var span = conditions.mutableSpan
      encoder.encode(items: history.span, lengths: lengths.span, into: &span)
    }
    func generate() {
      // Let go of first, for the walk takes their memory.
      oracles = []
      oracles = walk.generate(conditions, keys: keys).clean
    }
    func match() { matcher.match(oracles.span, with: catalogue, k: 20) }
    func measure(_ work: String, _ body: () -> Void) -> Measurement {
      stopwatch.measure(work, settings, unit: "users", perCall: batch, body)
    }
    let all = measure("suggest") {
      encode()
      generate()
      match()
    }
    if !stages { return [all] }
    return [
      all, measure("encode", encode), measure("generate", generate), measure("match", match),
    ]
  }
}
