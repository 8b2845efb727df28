import Diffusion
import Kernels
import Network
import Testing

@testable import Training

@Suite("Training step")
struct TrainingStepTests {
  static let shapes = [
    Shape(items: 7, length: 4, width: 6, denoiser: .linear),
    Shape(items: 7, length: 4, width: 20, denoiser: .mlp),
  ]

  /// Every length from 0 to L, with and without the condition; an item that comes twice in one
  /// history, is a target too, and one that comes nowhere.
  static func batch(_ shape: Shape, dropoutSeed: UInt64? = nil) -> TrainingBatch {
    let count = 12
    var noise = [Float](repeating: 0, count: count * shape.width)
    noise.edit { Noise.fill(&$0, key: NoiseKey(seed: 3, user: 0, position: 0), draw: 0) }
    let lengths = (0..<count).map { $0 % (shape.length + 1) }
    let histories = lengths.enumerated().flatMap { row, length in
      (0..<shape.length).map { $0 < length ? ($0 % 3 + row) % (shape.items - 1) : shape.items }
    }
    return TrainingBatch(
      histories: histories.map(Int32.init),
      lengths: lengths.map(Int32.init),
      targets: (0..<count).map { Int32($0 * 2 % (shape.items - 1)) },
      steps: (0..<count).map { Int32($0 * 4) },
      keepsCondition: (0..<count).map { $0 % 5 != 3 },
      noise: noise,
      dropoutSeed: dropoutSeed
    )
  }

  static func step(_ shape: Shape, weightDecay: Float = 0) throws -> TrainingStep {
    let schedule = try NoiseSchedule(NoiseSchedule.Description(name: .linear, steps: 50))
    var weights = Weights(shape: shape, seed: 5)
    // Norms that are not 1 and 0, layers that matter, and rectifiers that are firmly on or off: a
    // difference quotient in single precision must see the slope, and no kink.
    for tensor in weights.tensors {
      let isTable = [.items, .none, .positions].contains(tensor)
      let scale: Float = isTable ? 0.5 : tensor.rawValue.hasPrefix("mh_attn") ? 3 : 1.3
      let shift: Float = tensor.rawValue.hasSuffix("bias") ? 0.2 : 0
      weights[tensor] = weights[tensor].enumerated().map {
        scale * $1 + shift * Float($0 % 3)
      }
    }
    weights[.feedForward1Bias] = (0..<shape.width).map { $0 % 3 == 0 ? -4 : 4 }
    return TrainingStep(weights, schedule: schedule, weightDecay: weightDecay)
  }

  @Test(
    "the gradient of every tensor is a difference quotient of the loss",
    arguments: shapes,
    [nil, 11] as [UInt64?]
  )
  func gradient(shape: Shape, dropoutSeed: UInt64?) throws {
    var step = try Self.step(shape)
    let batch = Self.batch(shape, dropoutSeed: dropoutSeed)
    _ = step.differentiate(batch)
    let (weights, gradient) = (step.weights, step.gradient)
    for tensor in weights.tensors where tensor != .keyBias {
      let scale = Double(gradient[tensor].reduce(0) { max($0, abs($1)) })
      #expect(scale > 2e-4, "\(tensor.rawValue)")
      let range = weights.range(tensor)
      for i in stride(from: range.lowerBound, to: range.upperBound, by: 1 + range.count / 5) {
        func loss(_ shift: Float) -> Double {
          step.weights = weights
          step.weights.values[i] += shift
          return Double(step.differentiate(batch))
        }
        let numeric = (loss(4e-3) - loss(-4e-3)) / 8e-3
        let error = abs(numeric - Double(gradient.values[i]))
        #expect(error < 0.02 * scale + 4e-5, "\(tensor.rawValue) \(i - range.lowerBound)")
      }
    }
    #expect(gradient[.keyBias].allSatisfy { $0 == 0 })
  }

  @Test("the item that comes nowhere, and the padding, get no gradient", arguments: shapes)
  func untouched(shape: Shape) throws {
    var step = try Self.step(shape)
    _ = step.differentiate(Self.batch(shape))
    let rows = step.gradient[.items].suffix(2 * shape.width)
    #expect(rows.allSatisfy { $0 == 0 })
  }

  @Test("the loss falls, and a step repeats to the bit", arguments: shapes)
  func learns(shape: Shape) throws {
    var (step, twin) = (try Self.step(shape), try Self.step(shape))
    let batch = Self.batch(shape, dropoutSeed: 4)
    let first = step.step(batch, rate: 0.01)
    #expect(twin.step(batch, rate: 0.01) == first)
    #expect(twin.weights == step.weights)
    for _ in 0..<60 { _ = step.step(batch, rate: 0.01) }
    #expect(step.differentiate(batch) < 0.5 * first)
    #expect(step.optimiser.updates == 61)
  }

  @Test("weight decay shrinks what has no gradient; the moments stand where they stood")
  func decay() throws {
    let shape = Self.shapes[0]
    var step = try Self.step(shape, weightDecay: 0.1)
    let before = step.weights[.items].suffix(shape.width)
    _ = step.step(Self.batch(shape), rate: 0.5)
    let after = step.weights[.items].suffix(shape.width)
    for (a, b) in zip(after, before) { #expect(abs(a - 0.95 * b) < 1e-6) }
    #expect(step.optimiser.secondMoment.count == step.weights.values.count)
  }

  @Test("batches of other sizes, and without anything to encode, can follow")
  func sizes() throws {
    let shape = Self.shapes[1]
    var step = try Self.step(shape)
    let batch = Self.batch(shape)
    let loss = step.differentiate(batch)
    var small = batch
    small.histories = Array(batch.histories.prefix(shape.length))
    small.lengths = [0]
    small.targets = [1]
    small.steps = [0]
    small.keepsCondition = [true]
    small.noise = Array(batch.noise.prefix(shape.width))
    _ = step.differentiate(small)
    let dempty = step.gradient[.norm3Bias]
    #expect(dempty.contains { $0 != 0 })
    #expect(step.gradient[.none].allSatisfy { $0 == 0 })
    #expect(step.differentiate(batch) == loss)
  }

  @Test("dropout drops a tenth, scales up the rest, and repeats")
  func dropout() {
    var mask: [Float] = []
    var dropout = Dropout(seed: 1, probability: 0.1)
    dropout.draw(100_001, into: &mask)
    let dropped = mask.count { $0 == 0 }
    #expect(mask.count == 100_001 && abs(dropped - 10_000) < 400)
    #expect(mask.allSatisfy { $0 == 0 || $0 == 1 / 0.9 })
    var again: [Float] = []
    var twin = Dropout(seed: 1, probability: 0.1)
    twin.draw(100_001, into: &again)
    #expect(again == mask)
    dropout.draw(100_001, into: &again)
    #expect(again != mask)
  }
}
