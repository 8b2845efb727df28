import Testing

@testable import Kafka
@testable import Service

@Suite("Own properties")
struct OwnPropertyTests {
  @Test(
    "what the clients stand on is the worker's own",
    arguments: [ClientRole.consumer, .producer]
  )
  func fixed(role: ClientRole) {
    #expect(Set(role.fixed.keys).isSubset(of: Settings.ownProperties.keys))
  }

  @Test(
    "what the promises rest on is nobody else's to set, and the refusal says why",
    arguments: [
      ("isolation.level", "read_uncommitted"), ("enable.idempotence", "false"),
      ("auto.offset.reset", "latest"),
    ],
    ["kafka.properties", "kafka.consumer.properties", "kafka.producer.properties"]
  )
  func promises(property: (name: String, value: String), section: String) throws {
    let key = "\(section).\(property.name)"
    let found = try problems(overrides: [(key, property.value)])
    #expect(found.map(\.key) == [key])
    #expect(found.first?.remedy.hasPrefix("leave it out: ") == true)
  }
}
