import Network
import TestSupport
import Testing

@testable import Training

@Suite("Beginning with another model")
struct BeginningTests {
  private let learned = TinyModel.make(items: 8, denoiser: .none)
  /// Knows i7 and i2, in other rows, and an item that the other model never saw.
  private let items = ItemTable(ids: ["i7", "new", "i2"], clicks: [3, 2, 1])

  private func begun(
    _ denoiser: Shape.Denoiser,
    length: Float?
  ) throws -> (before: Weights, Weights) {
    var shape = learned.weights.shape
    shape.items = items.ids.count
    shape.denoiser = denoiser
    let before = Weights(shape: shape, seed: 3)
    var after = before
    try after.take(from: learned, items: items, length: length)
    return (before, after)
  }

  private func row(_ weights: Weights, _ index: Int) -> [Float] {
    Array(weights[.items][(index * 16)..<(index * 16 + 16)])
  }

  @Test("tensors of one name are taken, the denoiser's stay, and items are found by id")
  func taken() throws {
    let (before, after) = try begun(.residual, length: nil)
    for tensor in [Tensor.positions, .queryWeight, .norm3Gain, .feedForward2Bias] {
      #expect(after[tensor] == learned.weights[tensor])
    }
    #expect(after[.denoiser1Weight] == before[.denoiser1Weight])
    #expect(row(after, 0) == row(learned.weights, 7))
    #expect(row(after, 1) == row(before, 1))
    #expect(row(after, 2) == row(learned.weights, 2))
  }

  @Test("on the sphere an embedding keeps its direction alone")
  func scaled() throws {
    let (_, after) = try begun(.residual, length: 0.5)
    let (a, b) = (row(after, 2), row(learned.weights, 2))
    let norm = a.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let ratio = b.reduce(0) { $0 + $1 * $1 }.squareRoot() / norm
    #expect(abs(norm - 0.5) < 1e-5)
    for (x, y) in zip(a, b) { #expect(abs(x * ratio - y) < 1e-4) }
  }

  @Test("an encoder of another shape is refused, whatever of it would fit")
  func refused() throws {
    let changes: [(String, (inout Shape) -> Void)] = [
      ("length", { $0.length += 1 }), ("width", { $0.width *= 2 }), ("blocks", { $0.blocks += 1 }),
      ("heads", { $0.heads = 4 }),
    ]
    for (name, change) in changes {
      var shape = learned.weights.shape
      shape.items = items.ids.count
      change(&shape)
      var weights = Weights(shape: shape, seed: 3)
      let failure = #expect(throws: TrainingFailure.self) {
        try weights.take(from: learned, items: items, length: nil)
      }
      #expect(failure?.reason.contains("has \(name) ") == true)
    }
  }

  @Test("a run begins with the other model's weights")
  func loop() throws {
    let dataset = try World.dataset()
    var settings = World.settings(.residual)
    settings.initial = "sha256:9"
    let items = dataset.items.ids
    let model = TinyModel.make(items: 4, length: 3, denoiser: .residual)
    let initial = Model(
      manifest: model.manifest,
      weights: model.weights,
      items: ItemTable(ids: Array(items.prefix(4)), clicks: [1, 1, 1, 1])
    )
    let shape = World.shape(.residual)
    let loop = try Loop(dataset, shape: shape, settings: settings, initial: initial)
    #expect(loop.checkpoint.weights[.queryWeight] == model.weights[.queryWeight])
    #expect(row(loop.checkpoint.weights, 3) == row(model.weights, 3))
  }
}
