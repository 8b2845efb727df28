import Foundation
import Events
import Testing

@testable import Service

@Suite("Health")
struct HealthTests {
  func healthy(nowMs: Int64 = 0) -> Health {
    let health = Health(nowMs: nowMs, turnWithinMs: 1_000)
    for dependency in Health.Dependency.allCases { health.set(dependency, isOK: true, "there") }
    return health
  }

  @Test("every pipeline must have turned lately")
  func live() {
    let health = Health(pipelines: 2, nowMs: 0, turnWithinMs: 1_000)
    #expect(health.live(nowMs: 1_000).isOK)
    #expect(!health.live(nowMs: 1_001).isOK)
    health.turned(pipeline: 0, nowMs: 2_000)
    #expect(health.live(nowMs: 2_000).checks.map(\.isOK) == [true, false])
    health.turned(pipeline: 1, nowMs: 1_900)
    #expect(health.live(nowMs: 2_000).isOK)
  }

  @Test("ready needs each dependency", arguments: Health.Dependency.allCases)
  func dependencies(missing: Health.Dependency) {
    let health = Health(nowMs: 0)
    for dependency in Health.Dependency.allCases where dependency != missing {
      health.set(dependency, isOK: true, "there")
    }
    #expect(!health.ready(nowMs: 0).isOK)
    health.set(missing, isOK: true, "there")
    #expect(health.ready(nowMs: 0).isOK)
    #expect(health.set(missing, isOK: false, "gone"), "it has just failed")
    #expect(!health.set(missing, isOK: false, "gone"), "that is known")
    let failed = health.ready(nowMs: 0).checks.filter { !$0.isOK }
    #expect(failed == [Health.Check(name: missing.rawValue, isOK: false, detail: "gone")])
    #expect(health.set(missing, isOK: true, "there"), "it has just come back")
  }

  @Test("a partition with lag that stands still for 30 s is an error")
  func stuck() {
    let health = healthy()
    health.progressed(Partition(topic: "clicks", number: 3), next: 5, lag: 2, nowMs: 0)
    health.progressed(Partition(topic: "clicks", number: 3), next: 5, lag: 9, nowMs: 20_000)
    #expect(health.ready(nowMs: 30_000).isOK)
    #expect(health.longestIdleMs(nowMs: 30_000) == 30_000)
    let report = health.ready(nowMs: 30_001)
    #expect(!report.isOK)
    #expect(
      report.checks.last
        == Health.Check(
          name: "partition clicks/3",
          isOK: false,
          detail: "next 5, lag 9, no progress for 30 s",
        )
    )
    health.progressed(Partition(topic: "clicks", number: 3), next: 6, lag: 8, nowMs: 31_000)
    #expect(health.ready(nowMs: 60_000).isOK)
  }

  @Test("becoming stuck is told once, and moving again too")
  func change() {
    let health = healthy()
    func progressed(_ next: Int64, lag: Int64, atMs nowMs: Int64) -> Health.Change? {
      health.progressed(Partition(topic: "clicks", number: 3), next: next, lag: lag, nowMs: nowMs)
    }
    #expect(progressed(5, lag: 2, atMs: 0) == nil)
    #expect(progressed(5, lag: 2, atMs: 30_000) == nil)
    #expect(progressed(5, lag: 2, atMs: 30_001) == .stuck(forMs: 30_001))
    #expect(progressed(5, lag: 3, atMs: 40_000) == nil)
    #expect(progressed(6, lag: 2, atMs: 41_000) == .movesAgain)
    #expect(progressed(7, lag: 1, atMs: 42_000) == nil)
    #expect(progressed(7, lag: 1, atMs: 80_000) == .stuck(forMs: 38_000))
    #expect(progressed(7, lag: 0, atMs: 81_000) == .movesAgain)
  }

  @Test("a partition without lag may rest, and its clock starts with the next message")
  func resting() {
    let health = healthy()
    health.progressed(Partition(topic: "clicks", number: 0), next: 5, lag: 0, nowMs: 0)
    #expect(health.ready(nowMs: 900_000).isOK)
    #expect(health.longestIdleMs(nowMs: 900_000) == 0)
    health.progressed(Partition(topic: "clicks", number: 0), next: 5, lag: 1, nowMs: 900_000)
    #expect(health.ready(nowMs: 930_000).isOK)
    #expect(!health.ready(nowMs: 930_001).isOK)
  }

  @Test("a partition that went away no longer counts")
  func released() {
    let health = healthy()
    health.progressed(Partition(topic: "clicks", number: 0), next: 5, lag: 1, nowMs: 0)
    health.released(Partition(topic: "clicks", number: 0))
    #expect(health.ready(nowMs: 99_000).isOK)
    #expect(health.longestIdleMs(nowMs: 99_000) == 0)
    #expect(health.ready(nowMs: 99_000).checks.count == 3)
  }

  @Test("a worker that stops is alive and not ready")
  func stopping() {
    let health = healthy()
    health.stopping()
    #expect(!health.ready(nowMs: 0).isOK)
    #expect(health.live(nowMs: 0).isOK)
  }

  @Test("the report is JSON, whatever the details hold")
  func json() throws {
    let health = healthy()
    health.set(.kafka, isOK: false, "said \"no\"\n\u{1}\\")
    let object = try JSONSerialization.jsonObject(with: Data(health.ready(nowMs: 0).json.utf8))
    let report = try #require(object as? [String: Any])
    #expect(report["ok"] as? Bool == false)
    let checks = try #require(report["checks"] as? [[String: Any]])
    #expect(checks.map { $0["name"] as? String } == ["model", "kafka", "redis"])
    #expect(checks[1]["detail"] as? String == "said \"no\"\n\u{1}\\")
  }
}
