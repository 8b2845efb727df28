import ArgumentParser
import Service

@main
enum Program {
  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if let advice = arguments.first.flatMap(CommandLineHelp.advice(on:)) {
      writeToStandardError("Error: \(advice)\n")
      DreamStream.exit(withError: ExitCode.validationFailure)
    }
    await DreamStream.main(CommandLineHelp.joiningNumbers(arguments))
  }
}

struct DreamStream: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dreamstream",
    abstract: "Turns a stream of clicks into next-item suggestions.",
    version: Worker.version,
    subcommands: [
      Demo.self, Train.self, Evaluate.self, Calibrate.self, ExperimentCommand.self, Explain.self,
      Work.self, Validate.self, ReplayCommand.self, ReportCommand.self, Produce.self, Tail.self,
      Judge.self,
      Generate.self, Simulate.self, Bench.self, Curves.self,
    ],
  )
}

/// Why a command cannot do what its options ask for; what is wrong with the options themselves is a
/// `ValidationError`, which comes with the usage.
struct CommandFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// What the argument parser does not do by itself.
enum CommandLineHelp {
  /// What to say to a first word that is no command: what may have been meant.
  static func advice(on word: String) -> String? {
    let names = DreamStream.configuration.subcommands.map { $0._commandName } + ["help"]
    if word.hasPrefix("-") || names.contains(word) { return nil }
    let near = Settings.nearest(to: word, among: names)
    let meant = near.map { "; did you mean \($0)?" } ?? ""
    return "there is no command \(word)\(meant)\nSee 'dreamstream --help' for all there are."
  }

  /// Joins a negative number to the option before it: the parser would take it for an option.
  static func joiningNumbers(_ arguments: [String]) -> [String] {
    arguments.reduce(into: []) { joined, word in
      if word.hasPrefix("-"), Double(word) != nil, let option = joined.last,
        option.hasPrefix("--"), !option.contains("=")
      {
        joined[joined.count - 1] += "=\(word)"
      } else {
        joined.append(word)
      }
    }
  }
}
