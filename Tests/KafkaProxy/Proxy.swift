import Dispatch
import Foundation
import Glibc
import Synchronization

/// Stands between Kafka clients and one broker on this machine, and makes things go wrong on
/// demand.
///
/// It passes frames on as they come, except that it ends ApiVersions answers early, without which
/// librdkafka 2.0.2 does not understand the test broker. The broker has to advertise the proxy's
/// address as its own. It runs until it is stopped.
package final class Proxy: Sendable {
  /// What clients set as `bootstrap.servers`.
  package let address: String
  package let port: Int
  private let listener: Int32
  private let brokerPort = Atomic(0)
  private let faults = FaultPlan()
  private let gate = Gate()
  private let threads = DispatchGroup()
  private let state = Mutex(State())

  private struct State {
    var connections: [ObjectIdentifier: Connection] = [:]
    var isStopped = false
  }

  /// Listens; port 0 picks a free one.
  package init(host: String = "127.0.0.1", port: Int = 0) throws(ProxyFailure) {
    let (listener, bound) = try Socket.listen(host: host, port: port)
    self.listener = listener
    self.port = bound
    address = "\(host):\(bound)"
    detach { $0.accept() }
  }

  /// Says where the broker is, from the next connection on; 127.0.0.1 is understood.
  package func forward(toPort port: Int) { brokerPort.store(port, ordering: .releasing) }

  /// Lets the next `times` requests of a kind go wrong, of any client or of one `client.id`.
  package func inject(
    _ fault: Fault,
    _ api: KafkaAPI,
    times: Int = 1,
    clientID: String? = nil
  ) {
    faults.add(fault, api, times: times, clientID: clientID)
  }

  /// Injected faults that have not happened yet, of those meant for one `client.id` or for any.
  package func faultsRemaining(clientID: String? = nil) -> Int { faults.remaining(clientID) }

  /// Connections that are open just now.
  package var connectionCount: Int { state.withLock { $0.connections.count } }

  /// Breaks all connections; new ones are welcome.
  package func cutAll() {
    for connection in state.withLock({ Array($0.connections.values) }) { connection.cut() }
  }

  /// Holds everything back, without breaking a connection.
  package func pause() { gate.close() }

  /// Lets go what ``pause()`` held back.
  package func resume() { gate.open() }

  /// Breaks all connections, takes no more, and returns when every socket is closed.
  package func stop() {
    let wasStopped = state.withLock { state in
      defer { state.isStopped = true }
      return state.isStopped
    }
    if wasStopped { return }
    gate.open()
    shutdown(listener, Int32(SHUT_RDWR))
    cutAll()
    threads.wait()
    close(listener)
  }

  private func accept() {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      Socket.closeOnExec(client)
      Socket.noDelay(client)
      guard let broker = try? Socket.connect(port: brokerPort.load(ordering: .acquiring)) else {
        close(client)
        continue
      }
      open(Connection(client: client, broker: broker, faults: faults, gate: gate))
    }
  }

  private func open(_ connection: Connection) {
    let isStopped = state.withLock { state in
      state.connections[ObjectIdentifier(connection)] = connection
      return state.isStopped
    }
    detach { proxy in
      connection.relayRequests()
      _ = proxy.state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }
    detach { _ in connection.relayAnswers() }
    if isStopped { connection.cut() }
  }

  /// Runs on a thread of its own, which ``stop()`` waits for.
  private func detach(_ body: @escaping @Sendable (Proxy) -> Void) {
    threads.enter()
    Thread.detachNewThread {
      body(self)
      self.threads.leave()
    }
  }
}
