internal import Evaluation

/// A size that the cost of a suggestion is drawn against, with all others held.
package enum Curve: String, CaseIterable, Sendable {
  case timesteps, steps, batch, items, length

  /// Where each is measured.
  package struct Sizes: Sendable {
    package var timesteps = [10, 20, 50, 100, 200, 500, 1_000]
    /// Of DDIM; the greatest is T wherever T is held.
    package var steps = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500]
    package var batch = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    /// Of a catalogue that is searched.
    package var items = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    /// Of histories; the greatest is their batch too, so that all lengths up to each L are in it.
    package var length = [5, 10, 20, 50, 100, 200]
    /// The catalogue of what is suggested.
    package var catalogue = 10_000

    package init() {}
  }

  var title: String {
    switch self {
    case .timesteps: "A suggestion, by steps of the noise schedule"
    case .steps: "A suggestion, by steps of the sampler"
    case .batch: "A suggestion, by rows of a batch"
    case .items: "The best 20, by items of the catalogue"
    case .length: "A suggestion, by length of the history"
    }
  }

  var across: Plot.Axis {
    switch self {
    case .timesteps: .init(label: "T", scale: .log10)
    case .steps: .init(label: "DDIM steps", scale: .log2)
    case .batch: .init(label: "rows at once", scale: .log2)
    case .items: .init(label: "items", scale: .log10)
    case .length: .init(label: "L, of a batch with histories of 1 to L clicks")
    }
  }

  var up: Plot.Axis {
    switch self {
    case .timesteps, .steps: .init(label: "µs a suggestion", scale: .log10)
    case .batch, .length: .init(label: "µs a suggestion", hasZero: true)
    case .items: .init(label: "µs a query", scale: .log10)
    }
  }
}
