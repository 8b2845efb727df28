package import Evaluation
internal import Files
internal import Network

/// What a suggestion costs against one size after the other, drawn.
package struct CurveBench {
  private typealias Setting = GenerationBench.Setting

  private let sizes: Curve.Sizes
  private let stopwatch: Stopwatch
  private let show: (Measurement) throws -> Void
  /// T where another size varies; and the sizes of batches.
  private let held: Int
  private let rows = [1, 64]

  /// Prepares curves with these sizes; `show` gets each measurement as it is made.
  package init(
    _ stopwatch: Stopwatch,
    sizes: Curve.Sizes = Curve.Sizes(),
    show: @escaping (Measurement) throws -> Void
  ) {
    self.sizes = sizes
    self.stopwatch = stopwatch
    self.show = show
    held = sizes.steps.max() ?? 500
  }

  /// Measures all curves, and draws each into a file of its name, in a folder that is made.
  package func write(to folder: String) throws {
    try WholeDirectory.make(folder)
    for curve in Curve.allCases { try plot(curve).write(curve.rawValue, to: folder) }
  }

  /// Measures one curve.
  package func plot(_ curve: Curve) throws -> Plot {
    Plot(title: curve.title, x: curve.across, y: curve.up, series: try series(of: curve))
  }

  private func series(of curve: Curve) throws -> [Plot.Series] {
    switch curve {
    case .timesteps:
      try rows.flatMap { rows in
        [
          try line("linear, folded, batch \(rows)", sizes.timesteps) { (linear($0), rows) },
          try line("mlp, all T steps, batch \(rows)", sizes.timesteps) { steps in
            (setting(.mlp, .ddpm, timesteps: steps), rows)
          },
        ]
      }
    case .steps:
      try rows.map { rows in
        try line("mlp, T = \(held), batch \(rows)", sizes.steps) { (mlp(steps: $0), rows) }
      }
    case .batch:
      [
        try line("linear, T = \(held), folded", sizes.batch) { (linear(held), $0) },
        try line("mlp, 4 steps", sizes.batch) { (mlp(), $0) },
      ]
    case .items: try matching()
    case .length:
      [
        try line("linear, T = \(held), folded", sizes.length) { (linear(held, $0), longest) },
        try line("mlp, 4 steps", sizes.length) { (mlp(length: $0), longest) },
      ]
    }
  }

  private var longest: Int { sizes.length.max() ?? 1 }

  private func linear(_ timesteps: Int, _ length: Int = 10) -> Setting {
    setting(.linear, .folded, timesteps: timesteps, length: length)
  }

  private func mlp(steps: Int = 4, length: Int = 10) -> Setting {
    setting(.mlp, .ddim, timesteps: held, steps: min(steps, held), length: length)
  }

  private func setting(
    _ denoiser: Shape.Denoiser,
    _ sampler: Manifest.Serving.Sampler,
    timesteps: Int,
    steps: Int = 1,
    length: Int = 10
  ) -> Setting {
    Setting(
      denoiser,
      sampler,
      steps: timesteps,
      ddimSteps: steps,
      items: sizes.catalogue,
      length: length
    )
  }

  /// What a suggestion costs at each size, by the setting and the rows that it stands for.
  private func line(
    _ name: String,
    _ sizes: [Int],
    _ work: (Int) -> (Setting, rows: Int)
  ) throws -> Plot.Series {
    let points = try sizes.flatMap { size in
      let (setting, rows) = work(size)
      var bench = try GenerationBench(setting)
      return try bench.run(batch: rows, stages: false, stopwatch).map { measurement in
        try show(measurement)
        return Plot.Point(x: Double(size), y: measurement.cost)
      }
    }
    return Plot.Series(name: name, points: points)
  }

  /// What a search costs, beside reading all embeddings once.
  private func matching() throws -> [Plot.Series] {
    let batches = [1, 32]
    var lines = [[Plot.Point]](repeating: [], count: 1 + batches.count)
    for items in sizes.items {
      let measured = MatchBench(items: items).run(batches: batches, stopwatch)
      for (index, measurement) in measured.enumerated() {
        try show(measurement)
        let cost = index == 0 ? measurement.p50 : measurement.cost
        lines[index].append(Plot.Point(x: Double(items), y: cost))
      }
    }
    let names = ["reading them once"] + batches.map { "top 20, batch \($0)" }
    return zip(names, lines).map { Plot.Series(name: $0, points: $1) }
  }
}

extension Plot {
  /// Writes it into a folder, as `NAME.svg`.
  func write(_ name: String, to folder: String) throws(FileFailure) {
    try WholeFile.replace("\(folder)/\(name).svg", with: Array(svg.utf8))
  }
}
