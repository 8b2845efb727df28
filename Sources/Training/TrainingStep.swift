package import Diffusion
internal import Kernels
package import Network

/// One step of training after another: a batch's loss, its gradient, and an update of the weights.
///
/// The target x₀ is the item's embedding; xₜ = √ᾱₜ·x₀ + √(1 − ᾱₜ)·ε is its noisy form; the loss is
/// the mean square of x̂₀ − x₀. The gradient flows into x₀ both through the loss and through xₜ. It
/// is computed by hand, layer by layer, and agrees with PyTorch's.
///
/// Memory is allocated only for a batch larger than any before.
package struct TrainingStep: Sendable {
  package var weights: Weights
  package var optimiser: AdamW
  /// The gradient of the last batch.
  package private(set) var gradient: Weights
  /// √ᾱₜ and √(1 − ᾱₜ), (T).
  private let signal: [Float]
  private let noise: [Float]

  private var encoder = EncoderPass()
  private var embedding: StepPass
  private var denoiser = DenoiserPass()
  private var clean: [Float] = []
  private var noisy: [Float] = []
  private var condition: [Float] = []
  private var dclean: [Float] = []
  private var dh: [Float] = []

  package init(_ weights: Weights, schedule: NoiseSchedule, weightDecay: Float = 0) {
    self.weights = weights
    optimiser = AdamW(parameters: weights.values.count, weightDecay: weightDecay)
    gradient = Weights(shape: weights.shape)
    signal = schedule.signal.map { $0.squareRoot() }
    noise = schedule.signal.map { (1 - $0).squareRoot() }
    embedding = StepPass(steps: schedule.steps, width: weights.shape.width)
  }

  /// Learns from a batch with learning rate `rate`; returns the loss before the update.
  package mutating func step(_ batch: TrainingBatch, rate: Float) -> Float {
    let loss = differentiate(batch)
    optimiser.update(&weights, gradient: gradient, rate: rate)
    return loss
  }

  /// Computes a batch's loss, and its gradient by all weights.
  package mutating func differentiate(_ batch: TrainingBatch) -> Float {
    check(batch)
    gradient.values.clear(gradient.values.count)
    let loss = forward(batch)
    backward(batch)
    return loss
  }

  /// The loss of a batch, which also writes `dclean`, the gradient by the estimate.
  private mutating func forward(_ batch: TrainingBatch) -> Float {
    let (d, values) = (weights.shape.width, weights.values)
    encoder.forward(weights, batch)
    embedding.forward(weights, steps: batch.steps)

    let items = weights.range(.items).lowerBound
    let (none, empty) = (weights.range(.none), weights.range(.norm3Bias))
    clean.removeAll(keepingCapacity: true)
    noisy.removeAll(keepingCapacity: true)
    condition.removeAll(keepingCapacity: true)
    var encoded = 0
    for example in 0..<batch.count {
      let target = items + Int(batch.targets[example]) * d
      let (keep, add) = (signal[Int(batch.steps[example])], noise[Int(batch.steps[example])])
      clean.append(contentsOf: values[target..<(target + d)])
      for i in 0..<d {
        noisy.append(keep * values[target + i] + add * batch.noise[example * d + i])
      }
      if !batch.keepsCondition[example] {
        condition.append(contentsOf: values[none])
      } else if batch.lengths[example] == 0 {
        condition.append(contentsOf: values[empty])
      } else {
        condition.append(contentsOf: encoder.h[(encoded * d)..<(encoded * d + d)])
        encoded += 1
      }
    }
    denoiser.forward(
      weights,
      noisy: noisy,
      condition: condition,
      embedding: embedding.embedding
    )
    return Loss.meanSquare(denoiser.estimate, clean, gradient: &dclean)
  }

  private mutating func backward(_ batch: TrainingBatch) {
    let d = weights.shape.width
    denoiser.backward(weights, destimate: dclean, gradient: &gradient)
    embedding.backward(weights, dembedding: denoiser.dembedding, gradient: &gradient)

    dh.removeAll(keepingCapacity: true)
    let (none, empty) = (weights.range(.none), weights.range(.norm3Bias))
    for example in 0..<batch.count {
      let keep = signal[Int(batch.steps[example])]
      let row = (example * d)..<(example * d + d)
      for i in row { dclean[i] = keep * denoiser.dnoisy[i] - dclean[i] }
      if batch.keepsCondition[example] && batch.lengths[example] > 0 {
        dh.append(contentsOf: denoiser.dcondition[row])
      } else {
        gradient.values.edit(batch.keepsCondition[example] ? empty : none) { [denoiser] in
          Lanes.add(denoiser.dcondition.span.extracting(elements(of: example, width: d)), to: &$0)
        }
      }
    }
    gradient.addRows(dclean, to: .items, at: batch.targets)
    encoder.backward(weights, dh: dh, gradient: &gradient)
  }

  private func check(_ batch: TrainingBatch) {
    let (shape, count) = (weights.shape, batch.count)
    precondition(count > 0 && batch.histories.count == count * shape.length)
    precondition(batch.lengths.count == count && batch.steps.count == count)
    precondition(batch.keepsCondition.count == count && batch.noise.count == count * shape.width)
    for example in 0..<count {
      precondition(0..<shape.items ~= Int(batch.targets[example]))
      precondition(0...shape.length ~= Int(batch.lengths[example]))
      precondition(signal.indices ~= Int(batch.steps[example]))
    }
  }
}
