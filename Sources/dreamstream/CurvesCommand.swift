import ArgumentParser
import Benchmarks

/// Draws what a suggestion costs against the sizes that shape it.
struct Curves: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw what a suggestion costs against T, steps, batch, items and length.",
    discussion: """
      Measures as `bench` does, in about two minutes, and prints what it measures. Writes \
      \(Curve.allCases.map { "\($0.rawValue).svg" }.joined(separator: ", ")). \
      `deploy/bench --curves FOLDER` adds partitions.svg, of a worker with a broker and Redis.
      """
  )

  @Argument(help: "The directory to write to.") var folder: String
  @Option(help: "How long each point is repeated.") var seconds = 1.0
  @Option(help: "Draw also partitions.svg, of what `deploy/bench --curves` measured.")
  var worker: String?
  @Flag(help: "Print JSON, a line for each.") var json = false

  func validate() throws {
    if folder.isEmpty { throw ValidationError("FOLDER is empty; it wants a directory's path") }
    if !(0...3_600).contains(seconds) {
      throw ValidationError("seconds is \(seconds); it wants 0 to 3600")
    }
  }

  func run() throws {
    // First what needs no measuring: a wrong path shows at once.
    try worker.map { try WorkerRates(path: $0) }?.write(to: folder)
    var table = MeasurementTable(json: json)
    let bench = CurveBench(Stopwatch(seconds: seconds)) { try table.show($0) }
    try bench.write(to: folder)
  }
}
