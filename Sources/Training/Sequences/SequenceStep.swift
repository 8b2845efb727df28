import Autodiff
import Diffusion
import Dispatch
import Network
import Synchronization

/// One step of training on windows: the batch in parts, each on a tape and a thread of its own.
///
/// The number of parts is fixed, so the result does not depend on how many cores there are.
struct SequenceStep: Sendable {
  static let parts = 2

  /// What a thread works with.
  private final class Part: Sendable {
    let tape: Mutex<Tape>

    init(parameters: Int) { tape = Mutex(Tape(parameters: parameters)) }
  }

  let model: SequenceModel
  var weights: Weights
  var optimiser: AdamW
  private(set) var gradient: Weights
  private let parts: [Part]
  /// Where the denoiser lies, if it alone is learned.
  private let learned: [Range<Int>]?

  init(
    _ weights: Weights,
    schedule: NoiseSchedule,
    objective: Objective,
    dropout: Float,
    weightDecay: Float
  ) {
    model = SequenceModel(weights, schedule: schedule, objective: objective, dropout: dropout)
    self.weights = weights
    optimiser = AdamW(parameters: weights.values.count, weightDecay: weightDecay)
    gradient = Weights(shape: weights.shape)
    learned =
      objective.freezesEncoder
      ? weights.shape.tensors.filter(\.tensor.isOfDenoiser).map { weights.range($0) } : nil
    parts = (0..<Self.parts).map { _ in Part(parameters: weights.values.count) }
  }

  /// Learns from a batch with learning rate `rate`; returns the mean loss before the update.
  mutating func step(_ batch: [SequenceBatch], rate: Float) -> Float {
    let loss = differentiate(batch)
    optimiser.update(&weights, in: learned, gradient: gradient, rate: rate)
    return loss
  }

  /// Computes the mean loss of a batch's examples, and its gradient by all weights.
  mutating func differentiate(_ batch: [SequenceBatch]) -> Float {
    let examples = batch.reduce(0) { $0 + $1.targets.count }
    let losses = Mutex([Double](repeating: 0, count: batch.count))
    DispatchQueue.concurrentPerform(iterations: batch.count) { [weights, model, parts] index in
      let loss = parts[index].tape.withLock { tape in
        tape.begin(weights.values)
        let loss = model.loss(of: batch[index], on: &tape, weight: 1 / Float(examples))
        tape.backward()
        tape.end()
        return loss
      }
      losses.withLock { $0[index] = loss }
    }
    for index in batch.indices {
      parts[index].tape.withLock { tape in
        if index == 0 {
          gradient.values = tape.gradient
        } else {
          gradient.values.add(tape.gradient)
        }
      }
    }
    return Float(losses.withLock { $0.reduce(0, +) })
  }
}
