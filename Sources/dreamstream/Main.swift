import ArgumentParser

@main
struct DreamStream: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dreamstream",
    abstract: "Turns a stream of clicks into next-item suggestions.",
    subcommands: [
      Demo.self, Train.self, Evaluate.self, Calibrate.self, ExperimentCommand.self, Explain.self,
      Work.self, Validate.self, Produce.self, Tail.self, Judge.self, Generate.self,
      Simulate.self,
    ],
  )
}
