import Diffusion
import Network
package import Training

/// A question about diffusion recommenders, and the grid of models and settings that answers it.
package enum Experiment: String, CaseIterable, Sendable {
  case schedules, starts, acceleration, guidance, baselines, privacy, explanations

  package func run(_ study: Study) throws(TrainingFailure) -> Report {
    var study = study
    study.trainings = trainings(study.effort)
    return try answer(study)
  }

  /// How many models are trained.
  func trainings(_ effort: Study.Effort) -> Int {
    switch self {
    case .schedules: NoiseSchedule.Name.allCases.count * Study.totals(effort).count
    case .starts: 1
    case .acceleration: 4
    case .guidance, .privacy: 3
    case .baselines: 6 * effort.seeds.count
    case .explanations: 2
    }
  }

  private func answer(_ study: Study) throws(TrainingFailure) -> Report {
    switch self {
    case .schedules: try study.schedules()
    case .starts: try study.starts()
    case .acceleration: try study.acceleration()
    case .guidance: try study.guidance()
    case .baselines: try study.baselines()
    case .privacy: try study.privacy()
    case .explanations: try study.explanations()
    }
  }

  package var question: String {
    switch self {
    case .schedules: "Which noise schedule, and how many steps?"
    case .starts: "What should the reverse process start from?"
    case .acceleration: "How few denoiser calls are enough, and does stopping early pay?"
    case .guidance: "How strongly should the history steer?"
    case .baselines: "Does diffusion earn its keep beside counts and the encoder alone?"
    case .privacy: "What does a model tell of its training, and an oracle of its user?"
    case .explanations: "Do the explanations name the clicks that matter?"
    }
  }
}

extension Study {
  /// How the data is called in a summary.
  var setting: String {
    "\(name): \(dataset.training.count) examples, \(dataset.items.ids.count) items, "
      + "\(judged.count) judged, d \(width), \(effort.epochs) epochs"
  }
}
