internal import Glibc
package import Diffusion
internal import Evaluation
package import Network

extension Loop {
  /// What validation measures, and what the best epoch is chosen by.
  package enum Metric: String, CaseIterable, Sendable {
    case hitRate = "hr@20"
    case gain = "ndcg@20"

    var measure: RankMetric { RankMetric(self == .hitRate ? .hitRate : .ndcg, cutoff: 20) }
  }

  /// How to train.
  package struct Settings: Equatable, Sendable {
    package var schedule = NoiseSchedule.Description(name: .linear, steps: 500)
    package var epochs = 100
    /// Examples of an update at most.
    package var batch = 256
    /// AdamW's learning rate.
    package var rate: Float = 1e-3
    /// Updates in which the rate rises from 0.
    package var warmUp = 0
    /// Whether the rate falls along a cosine, to 0 at the end of the last epoch.
    package var decays = false
    package var objective = Objective()
    package var weightDecay: Float = 0
    /// What the running mean of the weights keeps at an update; 0 for the weights themselves.
    package var average: Float = 0
    /// The chance that an activation of the encoder is zeroed.
    package var dropout: Float = 0.1
    /// The chance that an example is learned without its history, p.
    package var conditionDropout: Float = 0.1
    package var seed: UInt64 = 0
    /// The version of the model whose weights training begins with.
    package var initial: String?
    /// How a validation example is answered.
    package var serving: Manifest.Serving
    package var metric = Metric.hitRate
    /// Epochs from one validation to the next; the last epoch is always validated.
    package var validateEvery = 1
    /// Validation examples at most; where there are more, these many evenly spread.
    package var validationLimit = 10_000
    /// Validations without a better metric after which training ends; 0 never ends it.
    package var patience = 0

    package init(serving: Manifest.Serving) { self.serving = serving }

    /// What numbers of epochs and the like may be at most: products of two fit into an `Int`.
    private static let most = 1_000_000

    /// Every problem of the values for a model with this denoiser, in words; none if training can
    /// begin.
    package func problems(of denoiser: Shape.Denoiser) -> [String] {
      var problems: [String] = []
      func check(_ isSound: Bool, _ problem: String) {
        if !isSound { problems.append(problem) }
      }
      let share = Float(0)..<1
      func check(_ name: String, _ value: Int, from least: Int) {
        let range = least...Self.most
        check(range.contains(value), "\(name) is \(value); it wants \(least) to \(Self.most)")
      }
      check("epochs", epochs, from: 1)
      check("batch", batch, from: 1)
      check(rate > 0 && rate < 1, "rate is \(rate); it wants a number between 0 and 1")
      check("warm-up", warmUp, from: 0)
      problems += objective.problems(of: denoiser)
      check(share.contains(average), "average is \(average); it wants 0 to under 1")
      check(share.contains(weightDecay), "weight decay is \(weightDecay); it wants 0 to under 1")
      check(share.contains(dropout), "dropout is \(dropout); it wants 0 to under 1")
      check(
        share.contains(conditionDropout),
        "condition dropout is \(conditionDropout); it wants 0 to under 1"
      )
      check(
        NoiseSchedule.limits.contains(schedule.steps),
        "steps is \(schedule.steps); it wants \(NoiseSchedule.limits)"
      )
      check(
        serving.guidance >= 0 && serving.guidance <= 100,
        "guidance is \(serving.guidance); it wants 0 to 100"
      )
      check(
        (1...max(1, schedule.steps)).contains(serving.steps),
        "sampler steps is \(serving.steps); it wants 1 to the schedule's \(schedule.steps)"
      )
      check("validate every", validateEvery, from: 1)
      check(validationLimit >= 1, "validation limit is \(validationLimit); it wants 1 or more")
      check("patience", patience, from: 0)
      return problems
    }

    /// What a checkpoint must agree with to be gone on from: all but when to end.
    package func fields(shape: Shape, dataset: Dataset) -> [String: String] {
      [
        "shape.items": "\(shape.items)",
        "shape.length": "\(shape.length)",
        "shape.width": "\(shape.width)",
        "shape.denoiser": shape.denoiser.rawValue,
        "schedule.name": schedule.name.rawValue,
        "schedule.steps": "\(schedule.steps)",
        "shape.blocks": "\(shape.blocks)",
        "shape.heads": "\(shape.heads)",
        "batch": "\(batch)",
        "warm_up": "\(warmUp)",
        // The end of a falling rate is the end of the run, which then may not move.
        "decays": decays ? "over \(epochs) epochs" : "false",
        "rate": "\(rate)",
        "weight_decay": "\(weightDecay)",
        "average": "\(average)",
        "dropout": "\(dropout)",
        "condition_dropout": "\(conditionDropout)",
        "seed": "\(seed)",
        "initial": initial ?? "none",
        "sampler": serving.sampler.rawValue,
        "sampler_steps": "\(serving.steps)",
        "guidance": "\(serving.guidance)",
        "metric": metric.rawValue,
        "validate_every": "\(validateEvery)",
        "validation_limit": "\(validationLimit)",
        "examples": "\(dataset.training.count)",
        "data": dataset.fingerprint,
      ].merging(objective.fields) { $1 }
    }

    /// Whether this is DreamRec's own training of DreamRec's own model.
    package func isPublished(_ shape: Shape) -> Bool {
      objective.isPublished && initial == nil && shape.blocks == 1 && shape.heads == 1
        && (shape.denoiser == .linear || shape.denoiser == .mlp)
    }

    /// The learning rate after so many updates, when this share of the run is behind.
    func rate(after updates: Int, share: Double) -> Float {
      var rate = Double(rate)
      if updates < warmUp { rate *= Double(updates + 1) / Double(warmUp) }
      if decays { rate *= 0.5 * (1 + cos(Double.pi * min(1, share))) }
      return Float(rate)
    }
  }
}
