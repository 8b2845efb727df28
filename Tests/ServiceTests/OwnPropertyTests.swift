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
}
