import Foundation
import Testing

@testable import Service

@Suite("Secrets")
struct SecretTests {
  static let word = "hunter2"

  @Test("a secret is never part of what is printed of a configuration")
  func neverPrinted() throws {
    let made = try configuration(
      yaml: "kafka: {properties: {sasl.password: \(Self.word), client.id: c}}",
      overrides: [
        ("redis.password", Self.word), ("kafka.producer.properties.ssl.key.pem", Self.word),
        ("kafka.consumer.properties.sasl.oauthbearer.config", Self.word),
      ]
    )
    var dumped = ""
    dump(made, to: &dumped)
    dump(made.kafka, to: &dumped)
    for text in [
      "\(made)", String(reflecting: made), "\(made.redis)", "\(made.kafka)",
      String(reflecting: made.kafka), "\(made.warnings)", dumped,
    ] {
      #expect(!text.contains(Self.word))
    }
    #expect("\(made)".contains("redis.password = ••••"))
    #expect("\(made)".contains("kafka.properties.client.id = c"))
    #expect(made.redis.password?.reveal() == Self.word)
    #expect(made.kafka.producerProperties["sasl.password"] == Self.word)
  }

  @Test("a secret is never part of a problem")
  func neverReported() throws {
    let found = try problems(
      yaml: "redis: {password: {deeper: \(Self.word)}, user: \"\"}",
      overrides: [
        ("redis.address", "redis://me:\(Self.word)@host:99999"), ("redis.pasword", Self.word),
        ("kafka.brokers", "me:\(Self.word)@a:1"),
      ],
      environment: ["DREAMSTREAM_KAFKA_SASL_PASSWORD": Self.word]
    )
    #expect(found.count == 6)
    #expect(!"\(ConfigurationFailure(problems: found))".contains(Self.word))
    #expect(!"\(found)".contains(Self.word))
  }

  @Test("a value may come from a variable or a file")
  func indirect() throws {
    try withFile("\(Self.word)\n") { path in
      let made = try configuration(
        yaml: """
          redis: {user: '${WHO}', password_file: \(path)}
          kafka: {properties: {sasl.password: '${PASS}'}}
          """,
        environment: [
          "WHO": "me", "PASS": "x",
          "DREAMSTREAM_KAFKA_PRODUCER_PROPERTIES__SASL_PASSWORD_FILE": path,
        ]
      )
      #expect(made.redis.user == "me")
      #expect(made.redis.password?.reveal() == Self.word)
      #expect(made.kafka.consumerProperties["sasl.password"] == "x")
      #expect(made.kafka.producerProperties["sasl.password"] == Self.word)
      #expect(made.warnings.isEmpty)
      let byVariable = try configuration(environment: ["DREAMSTREAM_REDIS_PASSWORD_FILE": path])
      #expect(byVariable.redis.password?.reveal() == Self.word)
    }
  }

  @Test("a variable or file that is missing is a problem, and so are two ways at once")
  func indirectFailures() throws {
    let found = try problems(
      yaml: "redis: {password: '${NO_SUCH}', user_file: /nowhere, prefix: a, prefix_file: b}"
    )
    #expect(found.map(\.key) == ["redis.prefix_file", "redis.password", "redis.user"])
    #expect(found[1].rule == "NO_SUCH is not set")
    #expect(found[2].rule == "the file cannot be read")
  }

  @Test("a secret in plain text is allowed with a warning, except by flag and environment")
  func plain() throws {
    let made = try configuration(yaml: "redis.password: \(Self.word)")
    #expect(made.warnings.count == 1)
    #expect(made.warnings.first?.contains("redis.password_file") == true)
    let other = try configuration(
      overrides: [("redis.password", "a")],
      environment: ["DREAMSTREAM_KAFKA_PROPERTIES__SASL_PASSWORD": "b"]
    )
    #expect(other.warnings.isEmpty)
  }

  @Test(
    "credentials in an address are masked",
    arguments: [
      ("redis://u:p@h:1", "redis://••••@h:1"), ("u:p@h", "••••@h"), ("redis://h:1", "redis://h:1"),
    ]
  )
  func addresses(text: String, masked: String) {
    #expect(Secret.masked(inAddress: text) == masked)
  }
}
