import Kafka
import TestSupport
import Testing

@Suite("Admin", .ownThread, .timeLimit(.minutes(1)))
struct AdminTests {
  @Test("the cluster names its brokers and its topics")
  func metadata() throws {
    let world = try World(partitions: 3)
    let metadata = try Admin(settings: world.merged([:])).metadata(timeoutMs: 5_000)
    #expect(metadata.brokers == [world.broker.bootstrapServers])
    #expect(metadata.partitions["events"] == 3)
  }

  @Test("a cluster that is not there is a failure in time")
  func unreachable() throws {
    let admin = try Admin(settings: ["bootstrap.servers": "127.0.0.1:1", "log_level": "0"])
    let failure = #expect(throws: KafkaFailure.self) { _ = try admin.metadata(timeoutMs: 300) }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.hasPrefix("asking the cluster for its topics: ") == true)
    #expect(failure?.reason.contains("127.0.0.1:1 failed: Connection refused") == true)
  }

  @Test("a topic that makes no sense is refused by name")
  func nonsense() throws {
    let world = try World()
    let admin = try Admin(settings: world.merged([:]))
    let failure = #expect(throws: KafkaFailure.self) {
      try admin.createTopics([NewTopic(name: "t", partitions: -3)], timeoutMs: 300)
    }
    #expect(failure?.reason.hasPrefix("making topic t: ") == true)
    #expect(failure?.remedy == .stop)
  }

  @Test("an embedded broker refuses a topic it has already")
  func twice() throws {
    let world = try World()
    #expect(throws: KafkaFailure.self) { try world.broker.createTopic("events", partitions: 1) }
  }
}
