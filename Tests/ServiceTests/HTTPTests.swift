import Events
import Foundation
import FoundationNetworking
import Testing

@testable import Service

@Suite("HTTP", .timeLimit(.minutes(1)))
struct HTTPTests {
  struct Answer {
    let code: Int
    let type: String?
    let text: String
  }

  let health = Health(nowMs: 0, turnWithinMs: 1_000)
  let metrics = WorkerMetrics()

  func endpoint(
    host: String = "127.0.0.1",
    port: Int = 0,
    nowMs: Int64 = 0
  ) async throws -> HTTPEndpoint {
    try await HTTPEndpoint(
      host: host,
      port: port,
      health: health,
      metrics: metrics,
      nowMs: { nowMs }
    )
  }

  func get(
    _ path: String,
    from endpoint: HTTPEndpoint,
    host: String = "127.0.0.1",
    method: String = "GET"
  ) async throws -> Answer {
    let url = try #require(URL(string: "http://\(host):\(endpoint.port)\(path)"))
    var request = URLRequest(url: url, timeoutInterval: 10)
    request.httpMethod = method
    let session = URLSession(configuration: .ephemeral)
    defer { session.invalidateAndCancel() }
    let (data, response) = try await session.data(for: request)
    let http = try #require(response as? HTTPURLResponse)
    return Answer(
      code: http.statusCode,
      type: http.value(forHTTPHeaderField: "Content-Type"),
      text: String(decoding: data, as: UTF8.self),
    )
  }

  @Test("live, ready and metrics answer with what is so")
  func answers() async throws {
    let endpoint = try await endpoint()
    let live = try await get("/health/live", from: endpoint)
    #expect(live.code == 200 && live.type == "application/json")
    let early = try await get("/health/ready", from: endpoint)
    #expect(early.code == 503)
    #expect(early.text == health.ready(nowMs: 0).json)
    for dependency in Health.Dependency.allCases { health.set(dependency, isOK: true, "there") }
    #expect(try await get("/health/ready", from: endpoint).code == 200)

    metrics.events["applied"].add(3)
    let scraped = try await get("/metrics", from: endpoint)
    #expect(scraped.code == 200)
    #expect(scraped.type == "text/plain; version=0.0.4; charset=utf-8")
    let read = try Exposition(scraped.text)
    #expect(read.values[.init("dreamstream_events_total", ["outcome": "applied"])] == 3)
    await endpoint.stop()
  }

  @Test("a pipeline that hangs makes the process be started anew, and a standstill shows")
  func hung() async throws {
    health.progressed(Partition(topic: "clicks", number: 0), next: 1, lag: 1, nowMs: 0)
    let endpoint = try await endpoint(nowMs: 45_000)
    #expect(try await get("/health/live", from: endpoint).code == 503)
    let read = try Exposition(try await get("/metrics", from: endpoint).text)
    #expect(read.values[.init("dreamstream_partition_idle_seconds")] == 45)
    await endpoint.stop()
  }

  @Test("anything else is not found")
  func others() async throws {
    let endpoint = try await endpoint()
    for path in ["/", "/health", "/metrics/x", "/health/lives"] {
      #expect(try await get(path, from: endpoint).code == 404, "\(path)")
    }
    #expect(try await get("/metrics", from: endpoint, method: "POST").code == 404)
    await endpoint.stop()
  }

  @Test("a port that is taken is said to be, and a host that is none")
  func refusals() async throws {
    let first = try await endpoint()
    let place = "127.0.0.1:\(first.port)"
    let taken =
      "\(place) is taken; give another http.port, 0 for any that is free or off for none, "
      + "or stop the worker that has it"
    await #expect(throws: HTTPFailure(reason: taken)) { _ = try await endpoint(port: first.port) }
    #expect(try await get("/health/live", from: first).code == 200, "the first goes on")
    await first.stop()
    for (host, port) in [("example.org", 0), ("127.0.0.1", 65_536), ("127.0.0.1", -1)] {
      await #expect(throws: HTTPFailure(reason: "\(host):\(port) is not an address to listen on")) {
        _ = try await endpoint(host: host, port: port)
      }
    }
    let foreign = await #expect(throws: HTTPFailure.self) {
      _ = try await endpoint(host: "192.0.2.1")
    }
    #expect(foreign?.reason.hasPrefix("cannot listen on 192.0.2.1:0: ") == true)
  }

  @Test("after a stop nobody answers, and the port is free again")
  func stops() async throws {
    let first = try await endpoint()
    let port = first.port
    _ = try await get("/metrics", from: first)
    await first.stop()
    await #expect(throws: URLError.self) { _ = try await get("/metrics", from: first) }
    let second = try await endpoint(port: port)
    #expect(second.port == port)
    await second.stop()
  }

  @Test("localhost and addresses of version 6 are hosts too")
  func hosts() async throws {
    let local = try await endpoint(host: "localhost")
    #expect(try await get("/health/live", from: local).code == 200)
    await local.stop()
    #expect(listeningAddress(host: "::1", port: 1) != nil)
    #expect(listeningAddress(host: "::1%eth", port: 1) == nil)
  }
}
