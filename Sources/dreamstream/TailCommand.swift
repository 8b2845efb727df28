import ArgumentParser
import Events
import Foundation
import Kafka

/// Prints suggestions as they come.
struct Tail: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the suggestions of a topic as they come.",
    discussion: """
      From the end, as it is when this says that it is reading, or --from-beginning; it joins no \
      group. `kcat -C -t suggestions` prints the same JSON as --ndjson.
      """
  )

  /// How long brokers and topic are waited for.
  private static let patience: Duration = .seconds(15)
  private static let offsetsTimeoutMs = 10_000

  @Option(help: "Brokers: HOST:PORT, with commas between.") var brokers: String
  @Option(help: "The topic.") var topic = "suggestions"
  @Flag(help: "Print each value as a line of JSON, untouched.") var ndjson = false
  @Flag(help: "Start with what is there already.") var fromBeginning = false
  @Option(help: "End after so many.") var count: Int?
  @Option(help: "End after so many seconds without any.") var idle: Double?
  @OptionGroup var properties: PropertyOptions

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count is \(count); it wants 1 or more") }
    if let idle, !(0...1e6).contains(idle) {
      throw ValidationError("--idle is \(idle); it wants 0 to 1000000 seconds")
    }
  }

  func run() throws {
    var settings = properties.settings(brokers: brokers)
    settings["linger.ms"] = nil
    let consumer = try begin(settings)
    let place = fromBeginning ? "from its beginning" : "from its end"
    let other = fromBeginning ? "" : "; --from-beginning shows what is there"
    writeToStandardError("reading \(topic) \(place)\(other)\n")
    var printed = 0
    var last = ContinuousClock.now
    while printed < count ?? .max {
      let wanted = min(500, (count ?? .max) - printed)
      let deliveries: [Delivery]
      do throws(KafkaFailure) {
        deliveries = try consumer.poll(max: wanted, firstWaitMs: 200, lingerMs: 0)
      } catch {
        if error.remedy == .stop { throw error }
        writeToStandardError("\(error)\n")
        deliveries = []
      }
      if deliveries.isEmpty {
        if let idle, ContinuousClock.now - last > .seconds(idle) { break }
        continue
      }
      last = .now
      printed += deliveries.count
      let lines = deliveries.map { line($0) + "\n" }.joined()
      try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
    }
  }

  /// A reader of all partitions that the topic has now, in no group: joining one takes some brokers
  /// many seconds, in which what comes would be missed.
  private func begin(_ settings: [String: String]) throws -> Consumer {
    let partitions = try partitions(of: topic, settings, patience: Self.patience)
    let defaults = [
      // librdkafka assigns nothing to a client without the name of a group.
      "group.id": "dreamstream-tail", "fetch.wait.max.ms": "100", "auto.offset.reset": "earliest",
    ]
    let consumer = try Consumer(settings: settings.merging(defaults) { given, _ in given })
    let starts =
      fromBeginning
      ? try consumer.firstOffsets(of: partitions, timeoutMs: Self.offsetsTimeoutMs)
      : try consumer.endOffsets(of: partitions, timeoutMs: Self.offsetsTimeoutMs)
    if let silent = partitions.subtracting(starts.keys).min(by: { $0.partition < $1.partition }) {
      throw CommandFailure("the brokers do not say where \(silent) begins and ends")
    }
    try consumer.assign(starts)
    return consumer
  }

  private func line(_ delivery: Delivery) -> String {
    guard let value = delivery.value else {
      let user = String(decoding: delivery.key ?? [], as: UTF8.self)
      return ndjson ? "null" : "\(user): erased"
    }
    if ndjson { return String(decoding: value, as: UTF8.self) }
    guard let suggestion = try? SuggestionDecoder.decode(value) else {
      return "offset \(delivery.offset): not a suggestion"
    }
    let latency =
      delivery.headers.first { $0.name == SuggestionHeaders.latencyMs }
      .flatMap { $0.value }.map { String(decoding: $0, as: UTF8.self) + " ms" } ?? ""
    return readable(suggestion, latency: latency)
  }
}

/// A suggestion on one line.
func readable(_ suggestion: Suggestion, latency: String, shown: Int = 5) -> String {
  let items = suggestion.items.prefix(shown).map(\.id).joined(separator: " ")
  let more = suggestion.items.count > shown ? " …" : ""
  let generation = suggestion.generation
  return "\(suggestion.user) after \(suggestion.sessionLength): \(items)\(more)  "
    + "(\(generation.provenance.rawValue), \(generation.steps) steps, \(generation.stoppedBy)"
    + (latency.isEmpty ? ")" : ", \(latency))")
}
