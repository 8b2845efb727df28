import Kafka
import Testing

@Suite("Settings")
struct ConfigurationTests {
  @Test(
    "a refused setting is named, with librdkafka's own reason",
    arguments: [
      (["no.such": "1"], "No such configuration property: \"no.such\""),
      (["session.timeout.ms": "soon"], "\"session.timeout.ms\""),
    ]
  )
  func named(settings: [String: String], reason: String) throws {
    let failure = #expect(throws: KafkaFailure.self) { _ = try Consumer(settings: settings) }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "")")
  }

  @Test("all refused settings are listed, not only the first")
  func all() {
    let settings = ["acks": "most", "linger.ms": "5", "no.such": "1", "session.timeout.ms": "0"]
    let refused = refusedSettings(settings, for: .producer)
    #expect(refused.map(\.key) == ["acks", "no.such", "session.timeout.ms"])
    #expect(refused.allSatisfy { setting in setting.reason.contains(setting.key ?? "?") })
  }

  @Test("settings that contradict each other are found without a broker")
  func contradictions() {
    let producer = refusedSettings(["enable.idempotence": "true", "acks": "1"], for: .producer)
    #expect(producer.map(\.key) == [nil])
    #expect(producer.first?.reason.contains("acks") == true)
    let consumer = refusedSettings(
      ["max.poll.interval.ms": "6000", "session.timeout.ms": "7000"],
      for: .consumer
    )
    #expect(consumer.first?.reason.contains("max.poll.interval.ms") == true)
  }

  @Test("offsets are never committed behind the caller's back")
  func fixed() {
    let refused = refusedSettings(["enable.auto.commit": "true"], for: .consumer)
    #expect(refused.map(\.key) == ["enable.auto.commit"])
    #expect(refused.first?.description == "enable.auto.commit: is always false here; remove it")
    #expect(refusedSettings(["enable.auto.commit": "false"], for: .consumer).isEmpty)
  }

  @Test("settings that work are not refused", arguments: [ClientRole.consumer, .producer, .admin])
  func accepted(role: ClientRole) {
    let settings = ["bootstrap.servers": "127.0.0.1:1", "client.id": "x"]
    #expect(refusedSettings(settings, for: role).isEmpty)
  }

  @Test("what librdkafka logs arrives as level, facility and text")
  func log() throws {
    let lines = Lines()
    do {
      let settings = ["group.id": "g", "linger.ms": "5"]
      _ = try Consumer(settings: settings, log: { lines.append("\($0) \($1) \($2)") })
    }
    #expect(lines.all.contains { $0.hasPrefix("4 CONFWARN ") && $0.contains("producer property") })
  }
}
