import Foundation
import Testing

@testable import Service

/// Writes `text` to a file of its own for the time of `body`.
func withFile<Result>(_ text: String, _ body: (String) throws -> Result) throws -> Result {
  let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
  try Data(text.utf8).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}

/// What is wrong with a configuration.
func problems(
  yaml: String? = nil,
  overrides: [(key: String, value: String)] = [],
  environment: [String: String] = [:]
) throws -> [ConfigurationFailure.Problem] {
  func load(_ file: String?) -> [ConfigurationFailure.Problem] {
    do throws(ConfigurationFailure) {
      _ = try Configuration.load(file: file, overrides: overrides, environment: environment)
      return []
    } catch {
      return error.problems
    }
  }
  return try yaml.map { try withFile($0, load) } ?? load(nil)
}

/// A configuration that must be right.
func configuration(
  yaml: String = "",
  overrides: [(key: String, value: String)] = [],
  environment: [String: String] = [:]
) throws -> Configuration {
  try withFile(yaml) { file in
    try Configuration.load(file: file, overrides: overrides, environment: environment)
  }
}

@Suite("Configuration")
struct ConfigurationTests {
  @Test("without anything given, the defaults hold")
  func defaults() throws {
    let configuration = try Configuration.load(file: nil, overrides: [], environment: [:])
    #expect(configuration.kafka.brokers == .embedded)
    #expect(configuration.redis.endpoint == .embedded)
    #expect(configuration.batch.maxSize == 256)
    #expect(configuration.sessions.ttlMs == 2_592_000_000)
    #expect(configuration.generate.guidance == nil)
    #expect(configuration.http.port == 9_464)
    #expect(configuration.worker.name.hasSuffix("-\(ProcessInfo.processInfo.processIdentifier)"))
    #expect(configuration.warnings.isEmpty)
  }

  @Test("a flag wins over the environment, that over the file, and that over the default")
  func precedence() throws {
    let yaml = """
      batch: {max_size: 1, max_delay_ms: 2}
      sessions.slack: 3
      suggest:
        count: 4
      """
    let environment = [
      "DREAMSTREAM_BATCH_MAX_SIZE": "2", "DREAMSTREAM_BATCH_MAX_DELAY_MS": "5",
      "DREAMSTREAM_SESSIONS_SLACK": "",
    ]
    let overrides = [("batch.max_size", "1"), (key: "batch.max_size", value: "3")]
    let made = try configuration(yaml: yaml, overrides: overrides, environment: environment)
    #expect(made.batch.maxSize == 3)
    #expect(made.batch.maxDelayMs == 5)
    #expect(made.sessions.slack == 3, "an empty variable counts as not set")
    #expect(made.suggest.count == 4)
    #expect(made.sessions.maxLength == 50)
  }

  @Test("a value that is overridden is not judged")
  func overridden() throws {
    let made = try configuration(
      yaml: "batch.max_size: nonsense",
      overrides: [("batch.max_size", "7")]
    )
    #expect(made.batch.maxSize == 7)
  }

  @Test("all problems come at once, each with its place")
  func allAtOnce() throws {
    let found = try problems(
      yaml: "batch:\n  max_size: 0\nhttp:\n  prot: 80\n",
      overrides: [("suggest.count", "many")],
      environment: ["DREAMSTREAM_LOG_LEVEL": "loud"],
    )
    let byKey = Dictionary(uniqueKeysWithValues: found.map { ($0.key, $0) })
    #expect(found.count == 4)
    #expect(byKey["batch.max_size"]?.origin.hasSuffix(".yaml:2") == true)
    #expect(byKey["http.prot"]?.origin.hasSuffix(".yaml:4") == true)
    #expect(byKey["suggest.count"]?.origin == "--set")
    #expect(byKey["log.level"]?.origin == "DREAMSTREAM_LOG_LEVEL")
    #expect(
      byKey["suggest.count"]?.description
        == "suggest.count = \"many\" (--set): it must be a whole number from 1 to 1000; "
        + "correct it, or remove it for the default, `20`"
    )
    let failure = ConfigurationFailure(problems: found)
    #expect(failure.description.split(separator: "\n").count == 4)
  }

  @Test(
    "an unknown key brings the nearest known to mind",
    arguments: [
      ("batch.maxsize", "did you mean batch.max_size?"),
      ("max_size", "did you mean batch.max_size?"),
      ("kafka.broker", "did you mean kafka.brokers?"), ("colour", "remove it"),
      ("kafka.properties", "did you mean kafka.properties.*?"),
    ]
  )
  func unknownKey(key: String, remedy: String) throws {
    let found = try problems(overrides: [(key, "secret?")])
    #expect(found.map(\.remedy) == [remedy])
    #expect(found.first?.value == nil, "it might be a misspelt password")
  }

  @Test("an unknown variable of ours is a problem, a stranger's a warning, Kubernetes' nothing")
  func unknownVariables() throws {
    let found = try problems(environment: ["DREAMSTREAM_REDIS_PASWORD": "hunter2"])
    #expect(found.map(\.remedy) == ["did you mean DREAMSTREAM_REDIS_PASSWORD?"])
    let unnamed = "DREAMSTREAM_KAFKA_PROPERTIES__"
    #expect(try problems(environment: [unnamed: "x"]).map(\.key) == [unnamed])
    let made = try configuration(environment: [
      "DREAMSTREAM_BROKER": "/opt/broker", "DREAMSTREAM_SERVICE_HOST": "10.0.0.1",
      "DREAMSTREAM_REDIS_PORT": "tcp://10.0.0.2:6379", "DREAMSTREAM_KAFKA_SERVICE_PORT_TCP": "1",
      "DREAMSTREAM_KAFKA_PORT_9092_TCP_ADDR": "10.0.0.3", "OTHER": "x",
    ])
    #expect(made.warnings.count == 1)
    #expect(made.warnings.first?.hasPrefix("DREAMSTREAM_BROKER ") == true)
  }

  @Test("librdkafka properties pass, from the file and by variables, shared and apart")
  func properties() throws {
    let made = try configuration(
      yaml: """
        kafka:
          properties: {security.protocol: SSL, client.id: a}
          consumer: {properties: {client.id: c}}
        """,
      environment: [
        "DREAMSTREAM_KAFKA_PROPERTIES__SECURITY_PROTOCOL": "SASL_SSL",
        "DREAMSTREAM_KAFKA_PRODUCER_PROPERTIES__LINGER_MS": "5",
      ]
    )
    #expect(
      made.kafka.consumerProperties == ["security.protocol": "SASL_SSL", "client.id": "c"]
    )
    #expect(
      made.kafka.producerProperties
        == ["security.protocol": "SASL_SSL", "client.id": "a", "linger.ms": "5"]
    )
  }

  @Test("a property that is the worker's own is refused", arguments: Settings.ownProperties.keys)
  func ownProperty(name: String) throws {
    let found = try problems(overrides: [("kafka.consumer.properties.\(name)", "x")])
    #expect(found.map(\.remedy) == [Settings.ownProperties[name]])
  }

  @Test("a list may be a list or a text")
  func lists() throws {
    #expect(
      try configuration(yaml: "events.types: [click, view]").events.types == ["click", "view"]
    )
    #expect(try configuration(yaml: "events.types: click, buy").events.types == ["click", "buy"])
    #expect(try problems(yaml: "events.types: []").map(\.key) == ["events.types"])
    #expect(try problems(yaml: "events.types: [{a: b}]").map(\.key) == ["events.types"])
  }

  @Test(
    "a file that is not YAML, or not settings, says where",
    arguments: [
      ("a: b\nc: [hunter2", ":3"), ("a: 1\n\tb: hunter2", ":2"), ("batch: {x: 1}\nbatch: {}", ":1"),
      ("just hunter2", ":1"), ("- a\n- hunter2", ":1"), ("batch.max_size:", ":1"),
      ("batch:\n  max_size: 1\nbatch.max_size: 2", ":3"),
    ]
  )
  func malformed(yaml: String, place: String) throws {
    let found = try problems(yaml: yaml)
    #expect(found.count == 1)
    #expect(found.first?.origin.hasSuffix(place) == true, "\(found)")
    #expect(!"\(found)".contains("hunter2"))
  }

  @Test("a section without anything in it is empty")
  func emptySection() throws {
    #expect(try problems(yaml: "kafka:\n  # brokers: a\nbatch:\n").isEmpty)
  }

  @Test("a file that is missing is a problem like the others")
  func missing() throws {
    do throws(ConfigurationFailure) {
      _ = try Configuration.load(
        file: "/nowhere/at.yaml",
        overrides: [("batch.max_size", "0")],
        environment: [:]
      )
      Issue.record("loaded")
    } catch {
      #expect(error.problems.map(\.key) == ["file", "batch.max_size"])
      #expect(error.problems[0].rule == "cannot open it: No such file or directory")
    }
  }
}
