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
      Work.self, Validate.self, Produce.self, Tail.self, Judge.self, Generate.self,
      Simulate.self,
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
    let nearest = names.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    let meant = nearest.flatMap { $0.1 <= 2 ? "; did you mean \($0.0)?" : nil } ?? ""
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

  /// Letters to insert, remove or change to make one word of the other.
  private static func distance(_ one: String, _ other: String) -> Int {
    let other = Array(other)
    var row = Array(0...other.count)
    for (index, letter) in one.enumerated() {
      var corner = row[0]
      row[0] = index + 1
      for column in other.indices {
        let changed = corner + (letter == other[column] ? 0 : 1)
        corner = row[column + 1]
        row[column + 1] = min(changed, corner + 1, row[column] + 1)
      }
    }
    return row[other.count]
  }
}
