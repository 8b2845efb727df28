import Kafka
import Pipeline
import TestSupport
import Testing

@testable import Service

@Suite("Kafka outage", .ownThread, .timeLimit(.minutes(1)))
struct KafkaOutageTests {
  static let nowhere = ["bootstrap.servers": "127.0.0.1:1", "log_level": "0"]

  /// What a client says of brokers that are not there.
  private func failure() throws -> KafkaFailure {
    let admin = try Admin(settings: Self.nowhere)
    return try #require(throws: KafkaFailure.self) { _ = try admin.metadata(timeoutMs: 1) }
  }

  @Test("an outage counts from its first failure: silence before it may have been a topic's")
  func lasts() throws {
    let failure = try failure()
    var outage = KafkaOutage(brokers: "b:1", nowMs: 0)
    outage.answered(nowMs: 50_000)
    #expect(outage.failed(failure, nowMs: 66_000) == 0)
    #expect(outage.trouble == KafkaTrouble(code: failure.code, reason: "b:1: \(failure)"))
    #expect(outage.failed(failure, nowMs: 69_000) == 3_000)
    outage.answered(nowMs: 70_000)
    #expect(outage.trouble == nil)
    #expect(outage.failed(failure, nowMs: 71_000) == 0)
  }

  @Test("a topic that is not there is trouble until it is")
  func missing() {
    var outage = KafkaOutage(brokers: "b:1", nowMs: 0)
    outage.answered(nowMs: 1, missing: ["clicks"])
    #expect(outage.trouble?.code == "UNKNOWN_TOPIC_OR_PART")
    let reason = "b:1: there is no topic clicks; make it, or set topics.create to true"
    #expect(outage.trouble?.reason == reason)
    #expect(outage.mayProbe(nowMs: 2_001, complaint: nil) == true, "soon again")
    outage.answered(nowMs: 2_002)
    #expect(outage.trouble == nil)
  }

  @Test("brokers are asked when librdkafka complains anew, or nothing came for long")
  func probes() throws {
    let failure = try failure()
    var outage = KafkaOutage(brokers: "b:1", nowMs: 0)
    #expect(outage.mayProbe(nowMs: 14_999, complaint: nil) == false)
    #expect(outage.mayProbe(nowMs: 15_000, complaint: nil) == true)
    #expect(outage.mayProbe(nowMs: 20_000, complaint: nil) == false)
    #expect(outage.mayProbe(nowMs: 20_001, complaint: failure) == true)
    #expect(outage.mayProbe(nowMs: 30_000, complaint: failure) == false)
    #expect(outage.mayProbe(nowMs: 35_001, complaint: failure) == true)
    #expect(outage.failed(failure, nowMs: 36_000) == 0)
    #expect(outage.mayProbe(nowMs: 37_001, complaint: failure) == true, "every 2 s while it lasts")
  }

  @Test("a source whose brokers are gone says so while it is idle, and ends after long enough")
  func source() throws {
    let clock = ManualClock()
    let nowMs = { Int64(clock.clock.monotonicNs() / 1_000_000) }
    let source = try KafkaSource(
      properties: Self.nowhere.merging(["group.id": "g"]) { $1 },
      connection: Self.nowhere,
      topics: ["clicks"],
      timeToLiveMs: 1_000,
      fatalAfterMs: 60_000,
      settleWithinMs: 90_000,
      nowMs: nowMs,
      log: nil
    )
    clock.advance(ms: 15_000)
    #expect(try source.poll(max: 1, firstWaitMs: 10, lingerMs: 0).isEmpty)
    #expect(source.trouble?.reason.hasPrefix("127.0.0.1:1: ") == true)
    clock.advance(ms: 59_000)
    #expect(try source.poll(max: 1, firstWaitMs: 10, lingerMs: 0).isEmpty)
    clock.advance(ms: 2_000)
    let failure = #expect(throws: PipelineFailure.self) {
      try source.poll(max: 1, firstWaitMs: 10, lingerMs: 0)
    }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.hasPrefix("127.0.0.1:1: ") == true)
    #expect(failure?.reason.hasSuffix("; it has failed for 61 s") == true)
  }
}
