import ArgumentParser
import Evaluation

/// Judges suggestions that were published, by what the users of the stream clicked next.
struct Judge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Judge published suggestions by what users clicked next.",
    discussion: """
      Takes what `dreamstream tail --ndjson` printed for a file that `dreamstream produce` sent. \
      Clicks and suggestions are matched by event id. Ends with 1 if a click has no suggestion, or \
      one that was published twice differs.
      """
  )

  @Option(help: "The suggestions: a line of JSON each; - for standard input.")
  var suggestions: String
  @Option(help: "The clicks that were produced: TSV, CSV or NDJSON; gzip too.") var clicks: String
  @Option(help: "The part that was produced, where the file has a column `split`.")
  var part: String?
  @Option(help: "What each event id starts with.") var eventIDPrefix = "f"
  @Option(help: "How many items of a suggestion count.") var k = 20

  func validate() throws {
    if k < 1 { throw ValidationError("k is \(k); it wants 1 or more") }
  }

  func run() throws {
    let stream = try ClickStream(path: clicks, part: part).clicks
    let all = part == nil ? stream : try ClickStream(path: clicks, part: nil).clicks
    let training = part == "train" ? [] : all.filter { $0.part == "train" }
    let published = try PublishedSuggestions(path: suggestions)
    func suggested(_ index: Int) -> [String]? { published.items["\(eventIDPrefix)\(index)"] }
    let missing = stream.indices.count { suggested($0) == nil }
    say(
      """
      clicks       \(stream.count)
      suggestions  \(published.items.count), \(missing) missing, \(published.repeated) repeated, \
      \(published.different) of them different
      """
    )
    let judgement = Judgement(
      training: training,
      stream: stream,
      cutoff: k,
      suggested: suggested
    )
    show(judgement, cutoff: k)
    if missing > 0 || published.different > 0 { throw ExitCode.failure }
  }
}

/// Prints a row for the suggestions and for each baseline on the same clicks.
func show(_ judgement: Judgement, cutoff: Int) {
  let width = judgement.rows.map(\.name.count).max() ?? 0
  for row in judgement.rows {
    let name = row.name + String(repeating: " ", count: width - row.name.count)
    say(
      "\(name)  HR@\(cutoff) \(percent(row.hitRate))  "
        + "NDCG@\(cutoff) \(percent(row.ndcg))  on \(row.ranks.count) next clicks"
    )
  }
}
