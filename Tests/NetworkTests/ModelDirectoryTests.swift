import Diffusion
import Foundation
import Testing

@testable import Network

/// A folder that is removed when it is no longer held.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
  }
}

/// A change to a sound model directory, and the field that refuses it.
struct Damage: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let file: String
  let field: String
  let change: @Sendable (String) -> String

  static func swap(_ file: String, _ old: String, _ new: String, field: String) -> Damage {
    Damage(testDescription: "\(old) → \(new)", file: file, field: field) {
      $0.replacing(old, with: new)
    }
  }

  static let all: [Damage] = [
    swap("manifest.json", "\"format\" : 1", "\"format\" : 2", field: "format"),
    swap("manifest.json", "\"items\" : 3", "\"items\" : 4", field: "items"),
    swap("manifest.json", "\"items\" : 3", "\"items\" : 0", field: "shape.items"),
    swap(
      "manifest.json",
      "\"items\" : 3",
      "\"items\" : 9223372036854775807",
      field: "shape.items"
    ),
    swap("manifest.json", "\"items\" : 3", "\"items\" : \"3\"", field: "shape.items"),
    swap("manifest.json", "\"items\" : 3,", "", field: "shape.items"),
    swap(
      "manifest.json",
      "\"width\" : 4",
      "\"width\" : 6",
      field: "tensor item_embeddings.weight.shape",
    ),
    swap("manifest.json", "\"width\" : 4", "\"width\" : 5", field: "shape.width"),
    swap("manifest.json", "\"length\" : 2", "\"length\" : 0", field: "shape.length"),
    swap(
      "manifest.json",
      "\"length\" : 2",
      "\"length\" : 3",
      field: "tensor positional_embeddings.weight.shape",
    ),
    swap(
      "manifest.json",
      "\"linear\",\n    \"heads\"",
      "\"mlp\",\n    \"heads\"",
      field: "shape.denoiser"
    ),
    swap("manifest.json", "\"heads\" : 1", "\"heads\" : 2", field: "shape.heads"),
    swap("manifest.json", "\"heads\" : 1", "\"heads\" : 3", field: "shape.heads"),
    swap("manifest.json", "\"blocks\" : 1", "\"blocks\" : 0", field: "shape.blocks"),
    swap(
      "manifest.json",
      "\"blocks\" : 1",
      "\"blocks\" : 2",
      field: "tensor blocks.1.ln_1.weight.shape"
    ),
    swap("manifest.json", "\"name\" : \"exp\"", "\"name\" : \"sqrt\"", field: "schedule.name"),
    swap("manifest.json", "\"name\" : \"exp\"", "\"name\" : \"expo\"", field: "schedule.name"),
    swap("manifest.json", "\"steps\" : 50\n", "\"steps\" : 51\n", field: "schedule.steps"),
    swap("manifest.json", "\"steps\" : 20\n", "\"steps\" : 51\n", field: "serving.steps"),
    swap("manifest.json", "\"guidance\" : 2", "\"guidance\" : -1", field: "serving.guidance"),
    swap("manifest.json", "sha256:", "sha257:", field: "version"),
    swap("manifest.json", "\"items.tsv\"", "\"other.tsv\"", field: "files.items.tsv"),
    swap("manifest.json", "{", "[", field: "content"),
    swap("items.tsv", "0\tpear", "0\tplum", field: "sha256"),
    swap("items.tsv", "pear", "pears", field: "size"),
  ]
}

@Suite("Model directory")
struct ModelDirectoryTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path("model")
  }

  static func model(
    _ denoiser: Shape.Denoiser = .linear,
    blocks: Int = 1,
    heads: Int = 1,
    fill: Float = 0.5
  ) -> Model {
    let shape = Shape(
      items: 3,
      length: 2,
      width: 4,
      denoiser: denoiser,
      blocks: blocks,
      heads: heads
    )
    var weights = Weights(shape: shape)
    for i in weights.values.indices { weights.values[i] = fill * Float(i) }
    let manifest = Manifest(
      name: "fruit",
      shape: shape,
      schedule: .init(name: .exp, steps: 50),
      serving: .init(sampler: .ddim, steps: 20, guidance: 2),
      training: .init(
        source: "clicks.tsv",
        examples: 7,
        epochs: 3,
        bestEpoch: 2,
        batch: 256,
        rate: 1e-3,
        weightDecay: 0,
        dropout: 0.1,
        conditionDropout: 0.1,
        seed: .max,
      ),
      metrics: ["hr@20": 0.25],
    )
    let items = ItemTable(ids: ["pear", "a \"quoted\" / päron", "3"], clicks: [5, 2, 0])
    return Model(manifest: manifest, weights: weights, items: items)
  }

  @Test("a model reads back as it was written", arguments: Shape.Denoiser.allCases, [1, 2])
  func roundTrip(_ denoiser: Shape.Denoiser, blocks: Int) throws {
    let model = Self.model(denoiser, blocks: blocks, heads: blocks)
    let manifest = try ModelDirectory.write(model, to: path)
    let loaded = try ModelDirectory.load(path)
    #expect(loaded.weights == model.weights)
    #expect(loaded.items == model.items)
    #expect(loaded.manifest == manifest)
    #expect(loaded.manifest.training == model.manifest.training)
    #expect(folder.names == ["model"])
  }

  @Test("the version is the content's: the same again, another for other weights or schedule")
  func version() throws {
    let first = try ModelDirectory.write(Self.model(), to: path).version
    var same = Self.model()
    same.manifest.name = "renamed"
    var rescheduled = Self.model()
    rescheduled.manifest.schedule.steps = 51
    #expect(first.hasPrefix("sha256:") && first.count == 71)
    #expect(try ModelDirectory.write(same, to: folder.path("same")).version == first)
    #expect(
      try ModelDirectory.write(Self.model(fill: 0.25), to: folder.path("other")).version != first
    )
    #expect(try ModelDirectory.write(rescheduled, to: folder.path("late")).version != first)
  }

  @Test("calibration changes how a model is served, and nothing else")
  func calibrated() throws {
    let written = try ModelDirectory.write(Self.model(.mlp), to: path)
    let serving = Manifest.Serving(
      sampler: .ddim,
      steps: 8,
      guidance: 0.5,
      relativeChange: 0.1,
      patience: 2
    )
    let record = Manifest.Calibration(
      source: "clicks.tsv",
      examples: 9,
      referenceSteps: 50,
      reference: 0.2,
      ndcg: 0.21,
      atLeast: -0.004,
      overlap: 0.97,
      meanSteps: 2.5,
      p50Steps: 2,
      p99Steps: 6
    )
    try ModelDirectory.calibrate(path, serving: serving, by: record)
    let manifest = try ModelDirectory.load(path).manifest
    #expect(manifest.serving == serving && manifest.calibration == record)
    #expect(manifest.version == written.version && manifest.training == written.training)
    #expect(serving.rule == StoppingRule(tolerance: 0.1, patience: 2))
    #expect(written.serving.rule == StoppingRule())

    var bad = serving
    bad.relativeChange = 1
    let failure = #expect(throws: NetworkFailure.self) {
      try ModelDirectory.calibrate(path, serving: bad, by: nil)
    }
    #expect(failure?.field == "serving.relative_change")
    #expect(try ModelDirectory.load(path).manifest == manifest)
  }

  @Test("a damaged model is refused by the field that differs", arguments: Damage.all)
  func damaged(_ damage: Damage) throws {
    try ModelDirectory.write(Self.model(), to: path)
    let file = URL(filePath: path).appending(path: damage.file)
    let sound = try String(contentsOf: file, encoding: .utf8)
    let damaged = damage.change(sound)
    #expect(damaged != sound)
    try damaged.write(to: file, atomically: true, encoding: .utf8)
    let failure = #expect(throws: NetworkFailure.self) { try ModelDirectory.load(path) }
    #expect(failure?.field == damage.field)
    #expect(failure?.remedy == .stop)
  }

  @Test("a manifest without blocks and heads has one of each")
  func plain() throws {
    try ModelDirectory.write(Self.model(), to: path)
    let file = URL(filePath: path).appending(path: "manifest.json")
    var text = try String(contentsOf: file, encoding: .utf8)
    text = text.replacing(#/ *"(blocks|heads)" : 1,\n/#, with: "")
    #expect(!text.contains("blocks") && !text.contains("heads"))
    try text.write(to: file, atomically: true, encoding: .utf8)
    #expect(try ModelDirectory.load(path).weights == Self.model().weights)
  }

  @Test("one flipped bit anywhere in the weights is noticed")
  func flipped() throws {
    try ModelDirectory.write(Self.model(), to: path)
    let file = URL(filePath: path).appending(path: "model.safetensors")
    let sound = try Data(contentsOf: file)
    for at in stride(from: 0, to: sound.count, by: 97) {
      var damaged = sound
      damaged[at] ^= 0x10
      try damaged.write(to: file)
      let failure = #expect(throws: NetworkFailure.self) { try ModelDirectory.load(path) }
      #expect(failure?.field == "sha256")
    }
  }

  @Test(
    "a missing file may come back, and is named",
    arguments: ["manifest.json", "items.tsv", "model.safetensors"],
  )
  func missing(_ name: String) throws {
    try ModelDirectory.write(Self.model(), to: path)
    try FileManager.default.removeItem(atPath: path + "/" + name)
    let failure = #expect(throws: NetworkFailure.self) { try ModelDirectory.load(path) }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason == "\(path)/\(name): cannot open it: No such file or directory")
  }

  @Test(
    "weights that are not finite are neither written nor read",
    arguments: [Float.nan, .infinity]
  )
  func finite(_ value: Float) throws {
    let sound = Self.model()
    var weights = sound.weights
    weights.values[weights.range(.none).lowerBound + 2] = value
    let model = Model(manifest: sound.manifest, weights: weights, items: sound.items)
    let failure = #expect(throws: NetworkFailure.self) { try ModelDirectory.write(model, to: path) }
    #expect(failure?.field == "tensor none_embedding.weight[2]")
    #expect(folder.names == [])

    let tensors = weights.tensors.map {
      ($0.rawValue, $0.dimensions(in: weights.shape), weights.values[weights.range($0)])
    }
    let file = try Safetensors(Safetensors.encode(tensors, metadata: [:]), file: "x")
    #expect(throws: NetworkFailure.self) { try Weights(file, shape: weights.shape, file: "x") }
  }

  @Test("a tensor too many is refused")
  func stranger() throws {
    let weights = Self.model(.mlp).weights
    let tensors = weights.tensors.map {
      ($0.rawValue, $0.dimensions(in: weights.shape), weights.values[weights.range($0)])
    }
    let file = try Safetensors(
      Safetensors.encode(tensors + [("more", [1], [1])], metadata: [:]),
      file: "x",
    )
    let failure = #expect(throws: NetworkFailure.self) {
      try Weights(file, shape: weights.shape, file: "x")
    }
    #expect(failure?.field == "tensor more")
  }

  @Test(
    "an id that a line cannot hold is refused when written",
    arguments: ["", "a\tb", "a\nb", "a\rb", "a\r\nb", "3"],
  )
  func unwritable(_ id: String) {
    let sound = Self.model()
    let items = ItemTable(ids: [id, "pear", "3"], clicks: [0, 0, 0])
    let model = Model(manifest: sound.manifest, weights: sound.weights, items: items)
    #expect(throws: NetworkFailure.self) { try ModelDirectory.write(model, to: path) }
    #expect(folder.names == [])
  }

  @Test(
    "a damaged catalogue is refused by its line",
    arguments: [
      ("index\titem\tclicks\n", "line 1"),
      ("index\titem_id\tclicks\n1\ta\t2\n", "line 2"),
      ("index\titem_id\tclicks\n0\ta\t-2\n", "line 2"),
      ("index\titem_id\tclicks\n0\t\t2\n", "line 2"),
      ("index\titem_id\tclicks\n0\ta\tb\t2\n", "line 2"),
      ("index\titem_id\tclicks\n0\ta\t99999999999999999999\n", "line 2"),
      ("index\titem_id\tclicks\n0\ta\t2\n1\ta\t2\n", "line 3"),
      ("index\titem_id\tclicks\n0\ta\t2\n1\tb", "last line"),
    ],
  )
  func catalogue(text: String, field: String) {
    let failure = #expect(throws: NetworkFailure.self) {
      try ItemTable(Array(text.utf8), file: "items.tsv")
    }
    #expect(failure?.field == field)
  }

  @Test("a model is replaced only on demand, and nothing else ever is")
  func replaced() throws {
    try ModelDirectory.write(Self.model(), to: path)
    #expect(throws: NetworkFailure.self) {
      try ModelDirectory.write(Self.model(fill: 2), to: path)
    }
    #expect(try ModelDirectory.load(path).weights == Self.model().weights)
    try ModelDirectory.write(Self.model(fill: 2), to: path, replacing: true)
    #expect(try ModelDirectory.load(path).weights == Self.model(fill: 2).weights)
    #expect(folder.names == ["model"])

    try Data().write(to: folder.url.appending(path: "model/thesis.tex"))
    let failure = #expect(throws: NetworkFailure.self) {
      try ModelDirectory.write(Self.model(), to: path, replacing: true)
    }
    #expect(failure?.found == "thesis.tex")
    try Data().write(to: folder.url.appending(path: "file"))
    #expect(throws: NetworkFailure.self) {
      try ModelDirectory.write(Self.model(), to: folder.path("file"), replacing: true)
    }
  }

  @Test("a reader sees the old model or the new one while they take turns", .timeLimit(.minutes(1)))
  func turns() async throws {
    try ModelDirectory.write(Self.model(fill: 1), to: path)
    let path = path
    async let written: Void = Task.detached {
      for turn in 2..<60 {
        try ModelDirectory.write(Self.model(fill: Float(turn)), to: path, replacing: true)
      }
    }.value
    var last: Float = 1
    while last < 59 {
      let fill = try ModelDirectory.load(path).weights.values[1]
      #expect(fill >= last)
      last = fill
      // The writer may have to share this very thread.
      await Task.yield()
    }
    try await written
    #expect(folder.names == ["model"])
  }
}
