import Events
import Logging
import TestSupport
import Testing

@testable import Pipeline
@testable import Service

/// What metrics, health and log are told of turns.
@Suite("Turn reporter", .ownThread, .timeLimit(.minutes(1)))
struct TurnReporterTests {
  private let page = LoggingTests.Page()
  private let worker: Worker
  private let source: KafkaSource

  init() throws {
    let page = page
    worker = try Worker(
      configuration: try Configuration.load(
        file: nil,
        overrides: [("kafka.brokers", "127.0.0.1:1"), ("redis.address", "127.0.0.1:1")],
        environment: [:]
      ),
      model: TinyModel.make(),
      logger: Logger(label: "worker") {
        LogLines(label: $0, level: .info, format: .text, output: LogOutput { page.add($0) })
      }
    )
    source = try KafkaSource(
      properties: KafkaOutageTests.nowhere.merging(["group.id": "g"]) { $1 },
      connection: KafkaOutageTests.nowhere,
      topics: ["clicks"],
      timeToLiveMs: 1_000,
      fatalAfterMs: 60_000,
      settleWithinMs: 90_000,
      nowMs: Worker.monotonicMs,
      log: nil
    )
  }

  private func report(_ change: (inout Turn) -> Void) {
    var (reporter, turn) = (TurnReporter(worker: worker, number: 0), Turn())
    change(&turn)
    _ = reporter.report(turn, from: source)
  }

  @Test("a store that answers is well, though its sessions are folded again and show nothing")
  func rebuilding() {
    func isWell() -> Bool? {
      worker.health.ready(nowMs: 0).checks.first { $0.name == "redis" }?.isOK
    }
    worker.set(.redis, isOK: false, "no route")
    report { _ in }
    #expect(isWell() == false)
    report { $0.storeAnswered = true }
    #expect(isWell() == true)
  }

  @Test("what was waited for counts, whether or not the turn had records")
  func waits() {
    report { $0.retries = [.sessions: 3] }
    #expect(worker.metrics.retries["sessions"].value == 3)
    #expect(page.lines.contains { $0.contains("waited for sessions") && $0.contains("attempts=3") })
  }

  @Test("lessons that wait are told of once, and once they wait no more; each time counts")
  func lessons() {
    var (reporter, turn) = (TurnReporter(worker: worker, number: 0), Turn())
    func report(_ learning: Turn.Learning?) {
      turn.learning = learning
      _ = reporter.report(turn, from: source)
    }
    for _ in 0..<3 { report(.failed("no route")) }
    report(nil)
    #expect(worker.metrics.lessonFailures[].value == 3)
    #expect(page.lines.count { $0.contains("lessons wait") && $0.contains("no route") } == 1)
    report(.succeeded)
    report(.succeeded)
    #expect(page.lines.count { $0.contains("lessons are learned again") } == 1)
    report(.failed("gone"))
    #expect(page.lines.count { $0.contains("lessons wait") } == 2)
    turn.lessonsDropped = 7
    report(nil)
    #expect(worker.metrics.lessonsDropped[].value == 7)
  }

  @Test("clicks that are gone unread are an error, and counted")
  func unread() {
    let home = Partition(topic: "clicks", number: 2)
    report { $0.gaps = [Turn.Gap(partition: home, from: 4, until: 9)] }
    #expect(worker.metrics.unread[].value == 5)
    #expect(
      page.lines.contains { $0.contains("clicks are lost") && $0.contains("partition=clicks/2") }
    )
  }

  @Test("what is given up counts by its cause, and is not told as done")
  func givenUp() {
    let position = Position(topic: "clicks", partition: 0, offset: 0)
    report {
      $0.records = [Record(position: position, key: nil, value: nil, timestampMs: 0)]
      $0.abandoned = .partitionsMoved
    }
    #expect(worker.metrics.abandoned["partitions_moved"].value == 1)
    #expect(worker.metrics.batchSize[].snapshot.count == 0)
  }

  @Test("sessions that are folded again are told of, and what they will miss is an error")
  func rebuilds() {
    let home = Partition(topic: "clicks", number: 2)
    report {
      $0.rebuilds = [
        Turn.Rebuild(partition: home, from: 4, kept: 9, until: 12, isKnown: true)
      ]
    }
    #expect(worker.metrics.rebuilds[].value == 1)
    #expect(page.lines.contains { $0.contains("sessions miss clicks") && $0.contains("gone=5") })
    #expect(page.lines.contains { $0.contains("folding clicks into sessions again") })
  }
}
