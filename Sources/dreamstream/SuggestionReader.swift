import Events
import Kafka
import Service
import Synchronization

/// Reads suggestions on a thread of its own, shows one now and then, and keeps what a summary
/// needs.
final class SuggestionReader: Sendable {
  private static let showEvery: Duration = .milliseconds(500)

  private struct State {
    var items: [String: [String]] = [:]
    var latenciesMs: [Int64] = []
    var steps: [Int: Int] = [:]
    var stops: [String: Int] = [:]
    var arrivedMs: (first: Int64, last: Int64)?
    var repeated = 0
    var fallbacks = 0
    var isReady = false
    var isStopping = false
  }

  private let state = Mutex(State())

  /// Events that have a suggestion.
  var count: Int { state.withLock { $0.items.count } }
  /// Suggestions for events that had one already.
  var repeated: Int { state.withLock { $0.repeated } }
  var fallbacks: Int { state.withLock { $0.fallbacks } }
  var isReady: Bool { state.withLock { $0.isReady } }
  /// From each click's time to its suggestion's arrival here.
  var latenciesMs: [Int64] { state.withLock { $0.latenciesMs } }

  /// Suggestions a second, from the first to the last.
  var perSecond: Double {
    state.withLock { state in
      guard let (first, last) = state.arrivedMs, last > first else { return 0 }
      return 1_000 * Double(state.items.count) / Double(last - first)
    }
  }

  func items(ofEvent id: String) -> [String]? { state.withLock { $0.items[id] } }

  func stop() { state.withLock { $0.isStopping = true } }

  /// How many steps suggestions took, and what ended them.
  var stepsSummary: String {
    let (steps, stops) = state.withLock { ($0.steps, $0.stops) }
    let total = steps.values.reduce(0, +)
    if total == 0 { return "none" }
    let mean = Double(steps.reduce(0) { $0 + $1.key * $1.value }) / Double(total)
    let most = steps.keys.max() ?? 0
    let reasons = stops.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return "mean \((mean * 100).rounded() / 100), most \(most); "
      + "stopped by \(reasons.joined(separator: ", "))"
  }

  /// Reads until it is stopped.
  func run(_ bootstrap: String, _ topic: String) throws {
    let consumer = try Consumer(settings: [
      "bootstrap.servers": bootstrap, "group.id": "\(topic)-reader",
      "auto.offset.reset": "earliest", "fetch.wait.max.ms": "5",
    ])
    try consumer.subscribe(to: [topic])
    var shown = ContinuousClock.now
    var isHeaded = false
    while !state.withLock({ $0.isStopping }) {
      let deliveries: [Delivery]
      do throws(KafkaFailure) {
        deliveries = try consumer.poll(max: 1_000, firstWaitMs: 50, lingerMs: 0)
      } catch {
        if error.remedy == .stop { throw error }
        deliveries = []
      }
      let isAssigned = !consumer.assignment.isEmpty
      state.withLock { $0.isReady = isAssigned }
      for delivery in deliveries {
        guard let suggestion = try delivery.value.map(SuggestionDecoder.decode) else { continue }
        keep(suggestion)
        if ContinuousClock.now - shown > Self.showEvery {
          shown = .now
          if !isHeaded {
            say("samples     user after clicks in session: items  (made by, steps, ended by)")
          }
          isHeaded = true
          say("  " + readable(suggestion, latency: ""))
        }
      }
    }
  }

  private func keep(_ suggestion: Suggestion) {
    let arrivedMs = Worker.wallMs()
    let latencyMs = arrivedMs - suggestion.source.timestampMs
    state.withLock { state in
      let id = suggestion.source.eventID ?? "\(suggestion.source.position)"
      if state.items.updateValue(suggestion.items.map(\.id), forKey: id) != nil {
        state.repeated += 1
        return
      }
      state.latenciesMs.append(latencyMs)
      state.arrivedMs = (state.arrivedMs?.first ?? arrivedMs, arrivedMs)
      state.steps[suggestion.generation.steps, default: 0] += 1
      state.stops[suggestion.generation.stoppedBy, default: 0] += 1
      if suggestion.generation.provenance != .diffusion { state.fallbacks += 1 }
    }
  }
}
