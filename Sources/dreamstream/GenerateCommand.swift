import ArgumentParser
import Evaluation
import Events
import Files

/// Writes made-up clicks, for a first try and for the tests.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make up a click stream with something to learn in it.",
    discussion: "The same seed gives the same stream. Tab-separated, with a header line."
  )

  @Option(help: "How many clicks.") var clicks = 40_000
  @Option(help: "How many users.") var users = 2_000
  @Option(help: "How many items.") var items = 1_000
  @Option(help: "The seed.") var seed: UInt64 = 1
  @Option(help: "The file to write; standard output if not given.") var output: String?

  func validate() throws {
    for (name, value) in [("clicks", clicks), ("users", users), ("items", items)]
    where !(1...100_000_000).contains(value) {
      throw ValidationError("--\(name) is \(value); it wants 1 to 100,000,000")
    }
  }

  func run() throws {
    let file = try FileWriter(path: output)
    var text = "time\tuser\titem\n"
    var generator = ClickGenerator(parameters)
    while let click = generator.next() {
      text += "\(click.timestampMs)\t\(click.user)\t\(click.item)\n"
      if text.utf8.count > 1 << 16 {
        try file.write(Array(text.utf8))
        text = ""
      }
    }
    try file.write(Array(text.utf8))
  }

  private var parameters: ClickGenerator.Parameters {
    var parameters = ClickGenerator.Parameters()
    parameters.clicks = clicks
    parameters.users = users
    parameters.items = items
    parameters.seed = seed
    return parameters
  }
}
