import Kafka
import Testing

@testable import Service

@Suite("Kafka defaults")
struct KafkaDefaultsTests {
  @Test(
    "rebalancing is cooperative from the librdkafka on that survives leaving early",
    arguments: [
      (0x0200_02ff, "range"), (0x0202_00ff, "range"), (0x0203_00ff, "cooperative-sticky"),
    ]
  )
  func strategy(version: Int, expected: String) {
    #expect(Configuration.assignmentStrategy(version) == expected)
  }

  @Test("what the configuration gives goes over the defaults, but for the brokers")
  func precedence() throws {
    let configuration = try Configuration.load(
      file: nil,
      overrides: [
        ("kafka.properties.linger.ms", "1"), ("kafka.consumer.properties.fetch.wait.max.ms", "7"),
      ],
      environment: [:]
    )
    let consumer = configuration.consumerSettings(bootstrap: "b:1")
    #expect(consumer["fetch.wait.max.ms"] == "7" && consumer["bootstrap.servers"] == "b:1")
    #expect(configuration.producerSettings(bootstrap: "b:1", pipeline: 0)["linger.ms"] == "1")
    #expect(
      refusedSettings(configuration.producerSettings(bootstrap: "b:1", pipeline: 0), for: .producer)
        == []
    )
  }
}
