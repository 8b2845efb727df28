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

  @Test("a lasting member of several pipelines is several members")
  func membership() throws {
    func member(_ pipelines: String) throws -> String? {
      try Configuration.load(
        file: nil,
        overrides: [
          ("kafka.properties.group.instance.id", "m"), ("worker.pipelines", pipelines),
        ],
        environment: [:]
      ).consumerSettings(bootstrap: "b:1", pipeline: 1)["group.instance.id"]
    }
    #expect(try member("1") == "m" && member("2") == "m-1")
  }

  @Test("transactions have a name for each pipeline, and are known to this librdkafka")
  func transactions() throws {
    func settings(_ more: [(key: String, value: String)]) throws -> [String: String] {
      try Configuration.load(file: nil, overrides: [("worker.name", "w")] + more, environment: [:])
        .producerSettings(bootstrap: "b:1", pipeline: 2)
    }
    let real = [(key: "kafka.brokers", value: "b:1")]
    let usual = try settings(real)
    #expect(usual["transactional.id"] == "dreamstream-w-2")
    #expect(usual["transaction.timeout.ms"] == "10000" && usual["message.timeout.ms"] == "10000")
    let recovers = isKnownProperty("metadata.recovery.strategy")
    #expect(usual["metadata.recovery.strategy"] == (recovers ? "none" : nil))
    #expect(refusedSettings(usual, for: .producer) == [])
    let own = try settings(real + [("delivery.transactional_id", "mine")])
    #expect(own["transactional.id"] == "mine-2")
    for other in [[("delivery.mode", "auto")], real + [("delivery.mode", "at-least-once")]] {
      #expect(try settings(other)["transactional.id"] == nil)
    }
  }

  @Test("a suggestion has to fit into what its topic takes by default, or is said to take")
  func suggestions() throws {
    func bytes(_ more: [(key: String, value: String)]) throws -> Int {
      try Configuration.load(file: nil, overrides: more, environment: [:]).suggestionBytes
    }
    #expect(try bytes([]) == 1_048_588 - 1_024)
    #expect(try bytes([("kafka.properties.message.max.bytes", "9000000")]) == 1_048_588 - 1_024)
    #expect(try bytes([("kafka.producer.properties.message.max.bytes", "20000")]) == 18_976)
  }
}
