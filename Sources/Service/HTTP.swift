import FlyingFox
import FlyingSocks
import FoundationEssentials
import Glibc

/// The port on which the worker tells how it is: `/health/live`, `/health/ready` and `/metrics`.
package struct HTTPEndpoint: Sendable {
  /// The port it got, which may have been left to the system.
  package let port: Int

  private let server: HTTPServer
  private let running: Task<Void, any Error>

  /// Binds the port, 0 for any that is free, and answers from then on.
  ///
  /// - Parameters:
  ///   - host: `localhost` or an address.
  ///   - port: At most 65,535.
  ///   - health: What the health paths answer.
  ///   - metrics: What `/metrics` answers.
  ///   - nowMs: The clock that `health` was told the time of.
  /// - Throws: When the port is taken, or the address is not of this machine.
  package init(
    host: String,
    port: Int,
    health: Health,
    metrics: WorkerMetrics,
    nowMs: @escaping @Sendable () -> Int64
  ) async throws(HTTPFailure) {
    let place = "\(host):\(port)"
    guard let number = UInt16(exactly: port),
      let address = listeningAddress(host: host, port: number)
    else { throw HTTPFailure(reason: "\(place) is not an address to listen on") }

    let configuration = HTTPServer.Configuration(address: address, logger: .disabled)
    let server = HTTPServer(
      config: configuration,
      handler: Answers(health: health, metrics: metrics, nowMs: nowMs)
    )
    let listening = Task { try await server.waitUntilListening(timeout: 10) }
    running = Task {
      defer { listening.cancel() }
      try await server.run()
    }
    self.server = server
    if case .failure = await listening.result {
      await server.stop()
      throw HTTPFailure(place: place, await running.result)
    }
    switch await server.listeningAddress {
    case .ip4(_, let port), .ip6(_, let port): self.port = Int(port)
    case .unix, nil: throw HTTPFailure(reason: "\(place) was closed at once")
    }
  }

  /// Answers no new request, and waits up to a second for those it is answering.
  package func stop() async {
    await server.stop(timeout: 1)
    _ = await running.result
  }
}

/// Why the port cannot be served.
package struct HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String

  init(reason: String) { self.reason = reason }

  fileprivate init(place: String, _ result: Result<Void, any Error>) {
    switch result {
    case .failure(SocketError.failed(_, EADDRINUSE, _)):
      reason =
        "\(place) is taken; give another http.port, 0 for any that is free or off for none, "
        + "or stop the worker that has it"
    case .failure(SocketError.failed(_, _, let message)):
      reason = "cannot listen on \(place): \(message)"
    default: reason = "cannot listen on \(place)"
    }
  }

  package var description: String { reason }
}

/// What is answered to whom.
private struct Answers: HTTPHandler {
  let health: Health
  let metrics: WorkerMetrics
  let nowMs: @Sendable () -> Int64

  func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
    switch (request.method, request.path) {
    case (.GET, "/health/live"): report(health.live(nowMs: nowMs()))
    case (.GET, "/health/ready"): report(health.ready(nowMs: nowMs()))
    case (.GET, "/metrics"): prometheus()
    default: answer(.notFound, "text/plain", "see /health/live, /health/ready, /metrics\n")
    }
  }

  private func report(_ report: Health.Report) -> HTTPResponse {
    answer(report.isOK ? .ok : .serviceUnavailable, "application/json", report.json)
  }

  private func prometheus() -> HTTPResponse {
    metrics.partitionIdle[].set(Double(health.longestIdleMs(nowMs: nowMs())) / 1_000)
    return answer(.ok, TelemetryText.contentType, metrics.text())
  }

  private func answer(_ code: HTTPStatusCode, _ type: String, _ text: String) -> HTTPResponse {
    HTTPResponse(statusCode: code, headers: [.contentType: type], body: Data(text.utf8))
  }
}
