import Synchronization

/// Something that goes wrong between a client and its broker.
package enum Fault: Equatable, Sendable {
  /// The broker never sees the request; the connection breaks.
  case dropRequest
  /// The broker does what was asked, and the client never hears of it; the connection breaks.
  case dropAnswer
  case delayRequest(ms: Int)
  case delayAnswer(ms: Int)

  var concernsAnswer: Bool {
    switch self {
    case .dropAnswer, .delayAnswer: true
    case .dropRequest, .delayRequest: false
    }
  }
}

/// The faults yet to happen.
final class FaultPlan: Sendable {
  private struct Entry {
    let fault: Fault
    let api: Int16
    let clientID: String?
    var times: Int
  }

  private let entries = Mutex<[Entry]>([])

  func add(_ fault: Fault, _ api: KafkaAPI, times: Int, clientID: String?) {
    let entry = Entry(fault: fault, api: api.rawValue, clientID: clientID, times: times)
    entries.withLock { $0.append(entry) }
  }

  /// Takes the fault that is meant for this request, if there is one.
  func take(for request: RequestHeader) -> Fault? {
    entries.withLock { entries in
      let index = entries.firstIndex { entry in
        entry.api == request.api && entry.clientID.map { $0 == request.clientID } ?? true
      }
      guard let index else { return nil }
      entries[index].times -= 1
      let fault = entries[index].fault
      if entries[index].times <= 0 { entries.remove(at: index) }
      return fault
    }
  }

  /// How many that were planned for this client, or for any, are still to happen.
  func remaining(_ clientID: String?) -> Int {
    entries.withLock { $0.filter { $0.clientID == clientID }.reduce(0) { $0 + $1.times } }
  }
}

/// Holds everybody up while it is closed.
final class Gate: Sendable {
  private let isClosed = Atomic(false)

  func close() { isClosed.store(true, ordering: .releasing) }
  func open() { isClosed.store(false, ordering: .releasing) }

  func wait() {
    while isClosed.load(ordering: .acquiring) { sleep(ms: 1) }
  }
}
