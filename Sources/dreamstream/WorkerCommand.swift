import ArgumentParser
import Dispatch
import Foundation
import Logging
import Network
import Service

/// What a process says when it ends, as sysexits.h has it.
extension ExitCode {
  /// Something it depends on is not there.
  static let unavailable = ExitCode(69)
  /// The configuration is wrong.
  static let configuration = ExitCode(78)
}

/// The options by which a configuration is given.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The configuration file, YAML.") var config: String?
  @Option(help: "The model's directory; the same as --set model.directory=….") var model: String?
  @Option(help: "Brokers; the same as --set kafka.brokers=….") var brokers: String?
  @Option(help: "Redis; the same as --set redis.address=….") var redis: String?
  @Option(name: .customLong("set"), help: "A setting: key=value; may be repeated.")
  var settings: [String] = []

  func load() throws -> Configuration {
    try loadConfiguration(
      config,
      settings: settings,
      named: [("model.directory", model), ("kafka.brokers", brokers), ("redis.address", redis)]
    )
  }
}

/// Reads it all, or says everything that is wrong and ends.
///
/// Settings are given as `key=value`; `named` are those that have options of their own.
func loadConfiguration(
  _ file: String?,
  settings: [String],
  named: [(key: String, value: String?)]
) throws -> Configuration {
  var overrides: [(key: String, value: String)] = []
  for setting in settings {
    let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count != 2 {
      throw ValidationError("--set is \(setting); it wants key=value")
    }
    overrides.append((String(parts[0]), String(parts[1])))
  }
  for case (let key, let value?) in named { overrides.append((key, value)) }
  do throws(ConfigurationFailure) {
    return try Configuration.load(
      file: file,
      overrides: overrides,
      environment: ProcessInfo.processInfo.environment
    )
  } catch {
    writeToStandardError("\(error)\n")
    throw ExitCode.configuration
  }
}

/// Turns clicks into suggestions until it is told to stop.
struct Work: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Turn clicks into suggestions until told to stop.",
    discussion: """
      SIGTERM or SIGINT finishes the batch, commits and leaves the group; a second one ends at \
      once. Ends with 0, with 69 when something it depends on is gone, or with 78 when the \
      configuration is wrong.
      """
  )

  @OptionGroup var options: ConfigurationOptions

  func run() async throws {
    let configuration = try options.load()
    let logger = makeLogger(configuration)
    for warning in configuration.warnings { logger.warning("\(warning)") }
    let model: Model
    do throws(NetworkFailure) {
      model = try ModelDirectory.load(configuration.model.directory)
    } catch {
      logger.critical(
        "the model cannot be used",
        metadata: ["reason": "\(error.reason); \(error.advice(directoryBy: "model.directory"))"]
      )
      throw ExitCode.configuration
    }
    do throws(WorkerFailure) {
      let worker = try Worker(configuration: configuration, model: model, logger: logger)
      let signals = StopSignals { worker.stop() }
      try await worker.run()
      signals.cancel()
    } catch {
      logger.critical("stopped", metadata: ["reason": "\(error.reason)"])
      throw error.isConfiguration ? ExitCode.configuration : .unavailable
    }
  }
}

/// Checks everything a worker would need, without working.
struct Validate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check configuration, model, brokers, topics, Redis and port.",
    discussion: "Ends with 0 when a worker could start, and with 78 when something is wrong."
  )

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print every setting there is, as a Markdown table, and nothing else.")
  var reference = false

  func run() async throws {
    if reference {
      print(Settings.markdownReference())
      return
    }
    let configuration = try options.load()
    for warning in configuration.warnings { print("warning   \(warning)") }
    let checks = await Validation.run(configuration)
    for check in checks {
      let advice = check.advice.map { "; \($0)" } ?? ""
      print("\(check.isOK ? "ok     " : "WRONG  ")   \(check.text)\(advice)")
    }
    if !checks.allSatisfy(\.isOK) { throw ExitCode.configuration }
  }
}

func makeLogger(_ configuration: Configuration) -> Logger {
  Logger(label: "dreamstream") { label in
    LogLines(
      label: label,
      level: configuration.log.level,
      format: configuration.log.format,
      output: .standardError
    )
  }
}

/// Calls back at the first SIGTERM or SIGINT, and ends the process at the second.
final class StopSignals {
  private let sources: [any DispatchSourceSignal]

  init(_ stop: @escaping @Sendable () -> Void) {
    let queue = DispatchQueue(label: "signals")
    let asked = Asked()
    sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        if asked.again() { exit(128 + number) }
        stop()
      }
      source.resume()
      return source
    }
  }

  func cancel() { for source in sources { source.cancel() } }
}

/// Whether it was asked before; touched on the signals' queue alone.
private final class Asked: @unchecked Sendable {
  private var before = false

  func again() -> Bool {
    defer { before = true }
    return before
  }
}
