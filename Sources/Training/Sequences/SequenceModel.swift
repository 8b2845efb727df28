import Autodiff
import Diffusion
import Network

/// The model on a tape: encoder, denoiser and loss of a batch of windows.
struct SequenceModel: Sendable {
  let shape: Shape
  let objective: Objective
  let dropout: Float
  /// √ᾱₜ and √(1 − ᾱₜ), (T).
  private let signal: [Float]
  private let noise: [Float]
  private let sinusoids: [Float]
  /// Where the tensors lie.
  private let layout: Weights

  init(_ weights: Weights, schedule: NoiseSchedule, objective: Objective, dropout: Float) {
    shape = weights.shape
    self.objective = objective
    self.dropout = dropout
    signal = schedule.signal.map { $0.squareRoot() }
    noise = schedule.signal.map { (1 - $0).squareRoot() }
    sinusoids = StepEmbedding.sinusoids(steps: schedule.steps, width: shape.width)
    layout = Weights(shape: shape)
  }

  private var length: Float { Float(shape.width).squareRoot() }

  /// Writes the batch on the tape; returns the sum of its losses, each counting `weight`.
  func loss(of batch: SequenceBatch, on tape: inout Tape, weight: Float) -> Double {
    let rows = layout.range(.items).dropLast(shape.width)
    var table = tape.parameter(rows.startIndex..<rows.endIndex, width: shape.width)
    if objective.sphere { table = tape.sphere(table, length: length) }
    let h = tape.take(encode(batch, table, &tape), batch.rows)
    let items = Candidates(
      batch,
      table,
      of: shape.items,
      excludesSeen: objective.excludesSeen,
      on: &tape
    )
    if shape.denoiser == .none { return rank(h, batch, items, &tape, weight: weight) }

    var target = tape.take(table, batch.targets)
    // The residual's estimates are directions, and so is what they are made from.
    if shape.denoiser.addsToCondition, !objective.sphere {
      target = tape.sphere(target, length: length)
    }
    let condition = condition(h, batch, &tape)
    let estimate = denoise(target, condition, batch, batch.steps, &tape)
    var loss = 0.0
    switch objective.loss {
    case .meanSquare: loss += square(estimate, target, &tape, weight: weight)
    case .cosine:
      // Half the square between points of the unit sphere is 1 − cos.
      let (x, y) = (tape.sphere(estimate, length: 1), tape.sphere(target, length: 1))
      loss += square(x, y, &tape, weight: weight * Float(shape.width) / 2)
    case .crossEntropy, .binary: loss += rank(estimate, batch, items, &tape, weight: weight)
    }
    if objective.encoderWeight > 0 {
      loss += rank(h, batch, items, &tape, weight: weight * objective.encoderWeight)
    }
    if objective.squareWeight > 0 {
      loss += square(estimate, target, &tape, weight: weight * objective.squareWeight)
    }
    if objective.consistencyWeight > 0 {
      let before = denoise(target, condition, batch, batch.steps.map { max(0, $0 - 1) }, &tape)
      loss += square(estimate, before, &tape, weight: weight * objective.consistencyWeight)
    }
    if objective.preferenceWeight > 0 {
      let unwanted = tape.others(target)
      let other = denoise(unwanted, condition, batch, batch.steps, &tape)
      loss += tape.preference(
        tape.sphere(estimate, length: 1),
        positive: tape.sphere(target, length: 1),
        over: tape.sphere(other, length: 1),
        negative: tape.sphere(unwanted, length: 1),
        gamma: objective.preferenceSlope,
        weight: weight * objective.preferenceWeight
      )
    }
    return loss
  }

  /// The mean square of differences, per row.
  private func square(
    _ x: Tape.Node,
    _ y: Tape.Node,
    _ tape: inout Tape,
    weight: Float
  ) -> Double {
    tape.squaredError(x, y, weight: weight / Float(shape.width))
  }

  /// The rows of all clicks behind the last block; ``SequenceEncoder`` computes the last of each.
  func encode(
    _ batch: SequenceBatch,
    _ table: Tape.Node,
    _ tape: inout Tape
  ) -> Tape.Node {
    let clicks = tape.take(table, batch.clicks)
    let allPositions = tape.parameter(layout.range(.positions), width: shape.width)
    let positions = tape.take(allPositions, batch.positions)
    var seed = batch.dropoutSeed
    func drop(_ x: Tape.Node) -> Tape.Node {
      seed &+= 1
      return tape.dropout(x, probability: dropout, seed: seed)
    }
    var rows = drop(tape.sum(clicks, positions))
    for block in 0..<shape.blocks {
      func range(_ layer: Layer) -> Range<Int> { layout.range(layer, block: block) }
      let normed = tape.norm(rows, range(.norm1))
      let query = tape.linear(normed, range(.query))
      let key = tape.linear(rows, range(.key))
      let value = tape.linear(rows, range(.value))
      let context = tape.attention(
        query: query,
        key: key,
        value: value,
        lengths: batch.lengths,
        heads: shape.heads
      )
      let attended = tape.sum(normed, drop(context))
      let middle = tape.norm(attended, range(.norm2))
      let inner = tape.linear(middle, range(.feedForward1))
      let active = drop(tape.relu(inner))
      let outer = drop(tape.linear(active, range(.feedForward2)))
      rows = tape.norm(tape.sum(middle, outer), range(.feedForwardNorm))
    }
    return tape.norm(rows, layout.range(.norm3))
  }

  /// Each example's h, or ∅ where it is learned without.
  private func condition(
    _ h: Tape.Node,
    _ batch: SequenceBatch,
    _ tape: inout Tape
  ) -> Tape.Node {
    let none = tape.parameter(layout.range(.none), width: shape.width)
    return tape.choose(h, or: none, where: batch.keepsCondition)
  }

  /// x̂₀ of each example from its target with the noise of a step.
  func denoise(
    _ target: Tape.Node,
    _ condition: Tape.Node,
    _ batch: SequenceBatch,
    _ steps: [Int32],
    _ tape: inout Tape
  ) -> Tape.Node {
    let d = shape.width
    let kept = tape.weighted(target, by: steps.map { signal[Int($0)] })
    let drawn = tape.constant(batch.noise, width: d)
    let added = tape.weighted(drawn, by: steps.map { noise[Int($0)] })
    let noisy = tape.sum(kept, added)

    let angles = tape.constant(sinusoids, width: d)
    let hidden = tape.gelu(tape.linear(angles, layout.range(.step1)))
    let embeddings = tape.linear(hidden, layout.range(.step2))
    let step = tape.take(embeddings, steps)

    if shape.denoiser == .adaptive {
      let normal = tape.norm(noisy, layout.range(.adaptiveNorm))
      let maps = tape.linear(tape.join([condition, step]), layout.range(.adaptive))
      let inner = tape.linear(tape.modulated(normal, by: maps), layout.range(.denoiser1))
      let added = tape.linear(tape.gelu(inner), layout.range(.denoiser2))
      return tape.sphere(tape.sum(condition, added), length: length)
    }
    let first = tape.linear(tape.join([noisy, condition, step]), layout.range(.denoiser1))
    if shape.denoiser == .linear { return first }
    let second = tape.linear(tape.gelu(first), layout.range(.denoiser2))
    if shape.denoiser == .mlp { return second }
    return tape.sphere(tape.sum(condition, second), length: length)
  }

  /// The ranking loss of rows that stand for the next items.
  private func rank(
    _ x: Tape.Node,
    _ batch: SequenceBatch,
    _ items: Candidates,
    _ tape: inout Tape,
    weight: Float
  ) -> Double {
    if objective.loss == .binary {
      let positive = tape.take(items.all, batch.targets)
      let negative = tape.take(items.all, batch.negatives)
      return tape.binaryCrossEntropy(x, positive: positive, negative: negative, weight: weight)
    }
    let scale = objective.sphere ? 1 / (objective.temperature * length) : 1
    let compared = objective.sphere ? tape.sphere(x, length: 1) : x
    return tape.crossEntropy(
      compared,
      table: items.table,
      targets: items.targets,
      offsets: items.offsets,
      mask: items.mask,
      scale: scale,
      weight: weight
    )
  }
}
