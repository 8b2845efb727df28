internal import Network
internal import Pipeline

/// What it costs to make a model in a directory ready to serve.
package struct StartBench {
  private let directory: String
  private let items: Int

  /// Writes a model of so many items to a directory that does not exist.
  package init(items: Int, directory: String) throws {
    self.items = items
    self.directory = directory
    let model = GenerationBench.Setting(.linear, .folded, items: items).model
    try ModelDirectory.write(model, to: directory)
  }

  package func run(_ stopwatch: Stopwatch) throws -> [Measurement] {
    let settings = ["items": "\(items)"]
    var model = try ModelDirectory.load(directory)
    return [
      try stopwatch.measure("start: load", settings, unit: "starts", perCall: 1) {
        model = try ModelDirectory.load(directory)
      },
      try stopwatch.measure("start: prepare", settings, unit: "starts", perCall: 1) {
        _ = try Recommender(model: model, options: RecommenderOptions())
      },
    ]
  }
}
