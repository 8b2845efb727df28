import Diffusion
import Network
import Testing
import Training

@Suite("Training against PyTorch")
struct TrainingGoldenTests {
  static let files = ["training-linear", "training-mlp"]

  @Test("the first step's gradient is PyTorch's to 1e-4 of each tensor's largest", arguments: files)
  func gradients(name: String) throws {
    let fixture = try Fixture(named: name)
    var step = try start(fixture)
    _ = try step.differentiate(batch(fixture, 0, shape: step.weights.shape))
    for tensor in step.weights.tensors {
      let expected = try fixture.floats("gradient." + tensor.rawValue)
      // The key's bias has no effect: what PyTorch gives it is rounding.
      let scale = max(largest(expected), 1e-6)
      #expect(distance(step.gradient[tensor], expected) < 1e-4 * scale, "\(tensor.rawValue)")
    }
  }

  @Test(
    "the losses of ten steps are PyTorch's to 1e-4, and so are the weights after",
    arguments: files
  )
  func steps(name: String) throws {
    let fixture = try Fixture(named: name)
    var step = try start(fixture)
    let rate = try #require(fixture.metadata["lr"].flatMap { Float($0) })
    for (i, expected) in try fixture.floats("losses").enumerated() {
      let loss = try step.step(batch(fixture, i, shape: step.weights.shape), rate: rate)
      #expect(abs(loss - expected) < 1e-4 * expected, "step \(i)")
    }
    for tensor in step.weights.tensors {
      let expected = try fixture.floats("after." + tensor.rawValue)
      // PyTorch moves the key's bias by the rounding of a gradient that is zero.
      let scale = tensor == .keyBias ? 1 : max(largest(expected), 0.1)
      #expect(distance(step.weights[tensor], expected) < 1e-4 * scale, "\(tensor.rawValue)")
    }
  }

  private func start(_ fixture: Fixture) throws -> TrainingStep {
    let name = try #require(
      fixture.metadata["schedule"].flatMap { NoiseSchedule.Name(rawValue: $0) }
    )
    let steps = try #require(fixture.metadata["T"].flatMap { Int($0) })
    let schedule = try NoiseSchedule(NoiseSchedule.Description(name: name, steps: steps))
    return try TrainingStep(fixture.weights(), schedule: schedule)
  }

  private func batch(_ fixture: Fixture, _ i: Int, shape: Shape) throws -> TrainingBatch {
    let prefix = "step\(i)."
    let (_, lengths) = try fixture.histories(prefix, padding: shape.items)
    return TrainingBatch(
      histories: try fixture.ints(prefix + "sequences").map(Int32.init),
      lengths: lengths,
      targets: try fixture.ints(prefix + "target").map(Int32.init),
      steps: try fixture.ints(prefix + "t").map(Int32.init),
      keepsCondition: try fixture.floats(prefix + "keep_condition").map { $0 != 0 },
      noise: try fixture.floats(prefix + "noise")
    )
  }
}
