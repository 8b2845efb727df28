import ArgumentParser
import Evaluation
import Files

/// Makes a page of what replays found out.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Show one replay, or compare several, as a page of HTML.",
    discussion: """
      Reads what `dreamstream replay --json` wrote. Runs that judged the same events with the same \
      --seed and --resamples are compared session by session.
      """
  )

  @Option(
    name: .customLong("compare"),
    parsing: .upToNextOption,
    help: "The JSON of a replay, and those to hold against it."
  )
  var runs: [String]
  @Option(help: "The page.") var output = "report.html"

  func validate() throws {
    if runs.isEmpty { throw ValidationError("--compare wants the JSON of a replay, or of several") }
  }

  func run() throws {
    let reports = try runs.map { path in
      let bytes = try WholeFile.read(path)
      do { return (name: path, report: try StreamReport(json: bytes)) } catch {
        throw FileFailure(
          path: path,
          reason: "it is not what `dreamstream replay --json` writes (\(Self.reason(error)))"
        )
      }
    }
    try writePage("Replays compared", reports, to: output)
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .keyNotFound(let key, _): return "it has no `\(key.stringValue)`"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return (path.isEmpty ? "" : "`\(path)`: ") + context.debugDescription
    @unknown default: return "\(error)"
    }
  }
}

/// Writes a page of these runs, and says where it is.
func writePage(
  _ title: String,
  _ runs: [(name: String, report: StreamReport)],
  to path: String
) throws {
  try WholeFile.replace(path, with: Array(StreamPage(title: title, runs: runs).html.utf8))
  writeToStandardError("open \(path) in a browser\n")
}
