import Autodiff
import Diffusion
import Kernels
import Network
import Testing

@testable import Training

/// A model, an objective, and the batch they are tried on.
struct Learning: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let shape: Shape
  let objective: Objective

  init(
    _ name: String,
    _ denoiser: Shape.Denoiser,
    blocks: Int = 1,
    heads: Int = 1,
    _ change: (inout Objective) -> Void
  ) {
    testDescription = "\(denoiser) \(name)"
    shape = Shape(
      items: 7,
      length: 4,
      width: 8,
      denoiser: denoiser,
      blocks: blocks,
      heads: heads
    )
    var objective = Objective()
    change(&objective)
    self.objective = objective
  }

  static let all = [
    Learning("mse", .linear) { _ in },
    Learning("cosine", .mlp, heads: 2) { $0.loss = .cosine },
    Learning("cross-entropy", .none, blocks: 2) { $0.loss = .crossEntropy },
    Learning("bce", .none) { $0.loss = .binary },
    Learning("cross-entropy on the sphere", .residual, blocks: 2, heads: 2) {
      $0.loss = .crossEntropy
      $0.sphere = true
      $0.temperature = 0.5
      $0.encoderWeight = 0.5
    },
    Learning("cross-entropy off the sphere, without what was seen", .residual) {
      $0.loss = .crossEntropy
      $0.excludesSeen = true
      $0.encoderWeight = 0.5
    },
    Learning("sampled softmax and square", .residual) {
      $0.loss = .crossEntropy
      $0.sphere = true
      $0.candidates = 3
      $0.excludesSeen = true
      $0.squareWeight = 0.4
    },
    Learning("consistency", .mlp) { $0.consistencyWeight = 0.7 },
    Learning("cross-entropy and square", .adaptive, heads: 2) {
      $0.loss = .crossEntropy
      $0.sphere = true
      $0.squareWeight = 0.4
    },
    Learning("preference", .residual) {
      $0.loss = .cosine
      $0.preferenceWeight = 0.8
      $0.preferenceSlope = 2
    },
  ]

  /// Windows of every length up to L, with an item that comes twice in one.
  var batch: SequenceBatch {
    var batch = SequenceBatch()
    for length in 1...shape.length {
      let start = batch.clicks.count
      batch.clicks += (0..<length).map { Int32($0 % 3 + length % 2) }
      batch.lengths.append(Int32(length))
      for row in (length / 2)..<length {
        batch.rows.append(Int32(start + row))
        batch.targets.append(Int32((row * 2 + length) % 6))
        batch.steps.append(Int32(7 * batch.rows.count % 50))
        batch.keepsCondition.append(batch.rows.count % 4 != 2)
        batch.negatives.append(6)
      }
    }
    batch.noise = [Float](repeating: 0, count: batch.targets.count * shape.width)
    batch.noise.edit { Noise.fill(&$0, key: NoiseKey(seed: 3, user: 0, position: 0), draw: 0) }
    batch.candidates = objective.candidates > 0 ? [0, 6, 6] : []
    return batch
  }

  func step(dropout: Float = 0, weightDecay: Float = 0) throws -> SequenceStep {
    let schedule = try NoiseSchedule(NoiseSchedule.Description(name: .linear, steps: 50))
    var weights = Weights(shape: shape, seed: 5)
    for tensor in shape.tensors {
      let range = weights.range(tensor)
      // Rectifiers that are firmly on or off: a difference quotient must see no kink.
      if tensor.tensor == .feedForward1Bias {
        for (i, at) in range.enumerated() { weights.values[at] = i % 3 == 0 ? -4 : 4 }
      }
      // What begins with zeros would leave nothing before it a gradient.
      let isLast = shape.denoiser.addsToCondition && tensor.tensor == .denoiser2Weight
      if isLast || tensor.tensor == .adaptiveWeight {
        for (i, at) in range.enumerated() { weights.values[at] = 0.3 * Float((i * 7) % 5 - 2) }
      }
    }
    return SequenceStep(
      weights,
      schedule: schedule,
      objective: objective,
      dropout: dropout,
      weightDecay: weightDecay
    )
  }
}

@Suite("Sequence step")
struct SequenceStepTests {
  @Test("every tensor's gradient is a difference quotient of the loss", arguments: Learning.all)
  func gradient(learning: Learning) throws {
    var step = try learning.step()
    let batch = [learning.batch]
    _ = step.differentiate(batch)
    let (weights, gradient) = (step.weights, step.gradient)
    for tensor in weights.shape.tensors where tensor.tensor != .keyBias {
      let range = weights.range(tensor)
      let scale = Double(gradient.values[range].reduce(0) { max($0, abs($1)) })
      #expect(scale > 1e-5, "\(tensor.name)")
      for i in stride(from: range.lowerBound, to: range.upperBound, by: 1 + range.count / 5) {
        func loss(_ shift: Float) -> Double {
          step.weights = weights
          step.weights.values[i] += shift
          return Double(step.differentiate(batch))
        }
        let numeric = (loss(4e-3) - loss(-4e-3)) / 8e-3
        let error = abs(numeric - Double(gradient.values[i]))
        #expect(error < 0.02 * scale + 1e-4, "\(tensor.name) \(i - range.lowerBound)")
      }
    }
  }

  @Test("a batch in two parts has the loss and the gradient of one", arguments: Learning.all)
  func parts(learning: Learning) throws {
    // In parts the preference compares with fewer others, and the softmax with other items.
    if learning.objective.preferenceWeight > 0 || learning.objective.candidates > 0 { return }
    let (whole, width) = (learning.batch, learning.shape.width)
    let clicks = Int(whole.lengths.prefix(2).reduce(0, +))
    let rows = whole.rows.count { $0 < clicks }
    var (first, second) = (whole, whole)
    first.clicks = Array(whole.clicks.prefix(clicks))
    second.clicks = Array(whole.clicks.dropFirst(clicks))
    first.lengths = Array(whole.lengths.prefix(2))
    second.lengths = Array(whole.lengths.dropFirst(2))
    first.rows = Array(whole.rows.prefix(rows))
    second.rows = whole.rows.dropFirst(rows).map { $0 - Int32(clicks) }
    for path in [\SequenceBatch.targets, \.steps, \.negatives] {
      first[keyPath: path] = Array(whole[keyPath: path].prefix(rows))
      second[keyPath: path] = Array(whole[keyPath: path].dropFirst(rows))
    }
    first.keepsCondition = Array(whole.keepsCondition.prefix(rows))
    second.keepsCondition = Array(whole.keepsCondition.dropFirst(rows))
    first.noise = Array(whole.noise.prefix(rows * width))
    second.noise = Array(whole.noise.dropFirst(rows * width))

    var (one, two) = (try learning.step(), try learning.step())
    let loss = one.differentiate([whole])
    #expect(abs(two.differentiate([first, second]) - loss) < 1e-5 * abs(loss))
    let largest = one.gradient.values.reduce(0) { max($0, abs($1)) }
    for (a, b) in zip(one.gradient.values, two.gradient.values) {
      #expect(abs(a - b) < 1e-5 * largest + 1e-7)
    }
  }

  @Test("the loss falls, and steps repeat to the bit on as many threads", arguments: Learning.all)
  func learns(learning: Learning) throws {
    var (step, twin) = (try learning.step(dropout: 0.1), try learning.step(dropout: 0.1))
    let batch = [learning.batch, learning.batch]
    let first = step.step(batch, rate: 0.01)
    #expect(twin.step(batch, rate: 0.01) == first)
    #expect(twin.weights == step.weights)
    for _ in 0..<80 { _ = step.step(batch, rate: 0.01) }
    #expect(step.differentiate(batch) < 0.8 * first)
  }

  @Test("a frozen encoder stays to the bit, while the denoiser learns")
  func frozen() throws {
    let learning = Learning("frozen", .residual) {
      $0.loss = .crossEntropy
      $0.freezesEncoder = true
    }
    // Neither gradient nor weight decay may move it.
    var step = try learning.step(weightDecay: 0.1)
    let before = step.weights
    for _ in 0..<3 { _ = step.step([learning.batch], rate: 0.01) }
    for tensor in before.shape.tensors {
      let range = before.range(tensor)
      let isSame = before.values[range] == step.weights.values[range]
      #expect(isSame == !tensor.tensor.isOfDenoiser, "\(tensor.name)")
    }
  }

  @Test("rows on the tape are what the encoder serves", arguments: Learning.all)
  func encoder(learning: Learning) throws {
    let (step, d) = (try learning.step(), learning.shape.width)
    var tape = Tape(parameters: step.weights.values.count)
    tape.begin(step.weights.values)
    let batch = learning.batch
    let served = learning.objective.sphere ? step.weights.onSphere : step.weights
    let items = served.range(.items).dropLast(d)
    let table = tape.constant(Array(served.values[items]), width: d)
    let encoded = step.model.encode(batch, table, &tape)
    let rows = tape.value(encoded)
    var encoder = SequenceEncoder(served)
    var h = [Float](repeating: 0, count: batch.lengths.count * d)
    h.edit { encoder.encode(items: batch.clicks.span, lengths: batch.lengths.span, into: &$0) }
    var end = 0
    for (session, length) in batch.lengths.enumerated() {
      end += Int(length)
      for i in 0..<d { #expect(abs(rows[(end - 1) * d + i] - h[session * d + i]) < 1e-5) }
    }
  }

  @Test("estimates on the tape are what the denoiser serves", arguments: Learning.all)
  func denoiser(learning: Learning) throws {
    if learning.shape.denoiser == .none { return }
    let (step, d) = (try learning.step(), learning.shape.width)
    var batch = learning.batch
    batch.keepsCondition = batch.keepsCondition.map { _ in true }
    batch.steps = batch.steps.map { _ in 30 }
    let count = batch.targets.count
    let numbers = (0..<(count * d)).map { Float(($0 * 37) % 23) / 11 - 1 }
    var tape = Tape(parameters: step.weights.values.count)
    tape.begin(step.weights.values)
    // No noise: what is noisy is the target times √ᾱ.
    batch.noise = batch.noise.map { _ in 0 }
    let (target, h) = (tape.constant(numbers, width: d), tape.constant(numbers, width: d))
    let node = step.model.denoise(target, h, batch, batch.steps, &tape)
    let estimate = tape.value(node)

    let schedule = try NoiseSchedule(NoiseSchedule.Description(name: .linear, steps: 50))
    let signal = schedule.signal[30].squareRoot()
    var served = GuidedDenoiser(step.weights, steps: 50, guidance: 0)
    served.begin(conditions: numbers.span)
    let x = numbers.map { signal * $0 }
    let requests = (0..<Int32(count)).map(\.self)
    var clean = x
    clean.edit { served.estimate(x.span, requests: requests.span, at: 30, into: &$0) }
    for (a, b) in zip(clean, estimate) { #expect(abs(a - b) < 2e-5) }
  }
}
