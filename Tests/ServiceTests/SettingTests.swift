import Foundation
import Testing

@testable import Service

extension Setting: CustomTestStringConvertible {
  package var testDescription: String { key }
}

@Suite("Settings")
struct SettingTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Values that each setting must refuse, beside the empty one that all do.
  static let refused: [String: [String]] = [
    "kafka.brokers": ["a b:9092", "host:0", "host:99999", "a:1,,b:2", "a:x", "[::1"],
    "kafka.group": ["a b", String(repeating: "g", count: 256)],
    "topics.clicks": ["..", "a/b", String(repeating: "t", count: 250)],
    "topics.suggestions": [".", "ä"],
    "topics.dead_letters": ["a b"],
    "topics.create": ["yes", "1"],
    "topics.partitions": ["0", "1025", "1.5"],
    "redis.address": [
      "host:0", "redis://h/x", "unix://relative", "rediss://h", "http://h", "redis://u:p@h",
      "h/1000", "cluster://", "cluster://a,,b", "cluster://a/1", "cluster://redis://a",
    ],
    "redis.user": ["a\nb"],
    "redis.password": [],
    "redis.prefix": ["a:b", "{a}"],
    "redis.connect_timeout_ms": ["0", "61s", "-1", "1w"],
    "redis.command_timeout_ms": ["0", "1 s"],
    "sessions.max_length": ["0", "1001"],
    "sessions.slack": ["0", "4097"],
    "sessions.ttl_ms": ["999", "3651d", "9223372036854775807d", "99999999999999999999"],
    "sessions.lateness": ["-1d", "3651d"],
    "events.types": ["click,", "a b"],
    "events.max_bytes": ["63", "10000001"],
    "model.directory": ["a\nb"],
    "batch.max_size": ["0", "4097", "0x10"],
    "batch.max_delay_ms": ["11s", "soon"],
    "generate.sampler": ["DDIM", "euler"],
    "generate.steps": ["0", "10001"],
    "generate.guidance": ["-0.1", "101", "nan", "strong"],
    "generate.seed": ["-1", "9007199254740992"],
    "generate.stop.relative_change": ["-0.1", "1.1", "inf"],
    "generate.stop.patience": ["0", "101"],
    "generate.deadline_ms": ["-1", "61s"],
    "suggest.count": ["0", "1001"],
    "suggest.exclude_seen": ["maybe"],
    "suggest.allow_file": ["a\nb"],
    "suggest.deny_file": ["a\nb"],
    "suggest.include_oracle": ["2"],
    "suggest.because": ["-1", "11"],
    "learn.live_items": ["2"],
    "delivery.mode": ["at-most-once", "once"],
    "delivery.transactional_id": ["a b", String(repeating: "t", count: 201)],
    "delivery.transaction_timeout": ["999", "16m"],
    "faults.fatal_after": ["999ms", "61m"],
    "shutdown.budget": ["99", "11m"],
    "http.host": ["example.org", "256.0.0.1", "1.2.3"],
    "http.port": ["-1", "65536", "http"],
    "log.level": ["loud", "WARNING"],
    "log.format": ["xml"],
    "worker.name": ["a b", String(repeating: "w", count: 129)],
    "worker.pipelines": ["0", "65"],
  ]

  @Test("a value out of range names key, value, rule and remedy", arguments: Settings.all)
  func outOfRange(setting: Setting) throws {
    if setting.openPrefix != nil { return }
    let values = try #require(Self.refused[setting.key])
    for value in values + [""] {
      let found = try problems(overrides: [(setting.key, value)])
      #expect(found.count == 1, "\(setting.key) took \"\(value)\"")
      let problem = try #require(found.first)
      #expect(problem.key == setting.key)
      #expect(problem.value?.isEmpty == (value.isEmpty && !setting.isSecret))
      #expect(problem.rule == "it must be \(setting.rule)")
      #expect(problem.remedy.hasPrefix("correct it"))
      #expect(problem.description.split(separator: "\n").count == 1)
    }
  }

  @Test("the bounds themselves are within the range")
  func bounds() throws {
    let made = try configuration(overrides: [
      ("sessions.max_length", "1000"), ("generate.seed", "9007199254740991"),
      ("generate.deadline_ms", "60s"), ("batch.max_delay_ms", "0"), ("http.port", "65535"),
      ("generate.stop.relative_change", "0.5"), ("faults.fatal_after", "1h"),
      ("sessions.ttl_ms", "2m"), ("sessions.lateness", "1500"), ("generate.guidance", "2.5"),
    ])
    #expect(made.generate.seed == (1 << 53) - 1)
    #expect(made.generate.deadlineMs == 60_000)
    #expect(made.faults.fatalAfterMs == 3_600_000)
    #expect(made.sessions.ttlMs == 120_000)
    #expect(made.sessions.latenessMs == 1_500)
    #expect(made.generate.guidance == 2.5)
  }

  @Test(
    "addresses of Redis in all their forms",
    arguments: [
      ("h", .tcp(host: "h", port: 6_379, database: 0)),
      ("h:1", .tcp(host: "h", port: 1, database: 0)),
      ("redis://h:1/2", .tcp(host: "h", port: 1, database: 2)),
      ("redis://h/", .tcp(host: "h", port: 6_379, database: 0)),
      ("[::1]:7", .tcp(host: "::1", port: 7, database: 0)),
      ("unix:///a/b", .unix(path: "/a/b", database: 0)),
      ("unix:///a?db=3", .unix(path: "/a", database: 3)), ("embedded", .embedded),
      ("cluster://a", .cluster([.init(host: "a", port: 6_379)])),
      (
        "cluster://a:1, [::1]:2",
        .cluster([.init(host: "a", port: 1), .init(host: "::1", port: 2)])
      ),
    ] as [(String, Configuration.Redis.Endpoint)]
  )
  func redisAddresses(text: String, endpoint: Configuration.Redis.Endpoint) throws {
    let made = try configuration(overrides: [("redis.address", text)])
    #expect(made.redis.endpoint == endpoint)
    let rule = Rule<Configuration.Redis.Endpoint>.redisAddress
    #expect(rule.parse(rule.print(endpoint)) == endpoint)
  }

  @Test("brokers are a list, and the port may be off")
  func otherForms() throws {
    let made = try configuration(
      yaml: "kafka.brokers: [a:1, 'SSL://b', '[::1]:2']\nhttp.port: off"
    )
    #expect(made.kafka.brokers == .list("a:1,SSL://b,[::1]:2"))
    #expect(made.http.port == nil)
  }

  @Test(
    "settings that do not fit one another are refused",
    arguments: [
      ("sessions.slack", [("batch.max_size", "257")]),
      ("sessions.lateness", [("sessions.ttl_ms", "1h")]),
      ("topics.clicks", [("topics.suggestions", "clicks")]), ("redis.user", [("redis.user", "u")]),
      (
        "kafka.properties.max.poll.interval.ms",
        [("kafka.properties.max.poll.interval.ms", "2005")]
      ),
      ("shutdown.budget", [("redis.command_timeout_ms", "9995ms")]),
      ("shutdown.budget", [("kafka.brokers", "b:1"), ("shutdown.budget", "8505ms")]),
      (
        "shutdown.budget",
        [
          ("kafka.brokers", "b:1"), ("shutdown.budget", "2505ms"),
          ("delivery.transaction_timeout", "1s"),
        ]
      ),
    ]
  )
  func relations(key: String, overrides: [(String, String)]) throws {
    let found = try problems(overrides: overrides.map { (key: $0.0, value: $0.1) })
    #expect(found.map(\.key) == [key])
    #expect(found.first?.rule.isEmpty == false && found.first?.remedy.isEmpty == false)
  }

  @Test("a property that does not fit is named where it was given, with its value")
  func propertyRelation() throws {
    let found = try problems(overrides: [
      ("kafka.properties.max.poll.interval.ms", "2005")
    ])
    #expect(
      found.first?.description.hasPrefix(
        "kafka.properties.max.poll.interval.ms = \"2005\" (--set): max.poll.interval.ms must exceed"
      ) == true
    )
  }

  @Test("and those that just fit are taken")
  func relationsHold() throws {
    let made = try configuration(overrides: [
      ("batch.max_size", "257"), ("sessions.slack", "257"), ("redis.user", "u"),
      ("redis.password", "p"), ("kafka.properties.max.poll.interval.ms", "2006"),
      ("shutdown.budget", "1006ms"),
    ])
    #expect(made.redis.user == "u")
  }

  @Test("the defaults leave a worker time to stop, however long a transaction may take")
  func stopsInTime() throws {
    for (timeout, stepMs) in [("10s", 2_500), ("15m", 2_500), ("4s", 2_000 as Int64)] {
      let made = try configuration(overrides: [
        ("kafka.brokers", "b:1"), ("delivery.transaction_timeout", timeout),
      ])
      #expect(made.transactionStepMs == stepMs)
    }
  }

  @Test("every setting has its own key, variable and sentence", arguments: Settings.all)
  func table(setting: Setting) {
    #expect(Settings.all.filter { $0.key == setting.key }.count == 1)
    #expect(Settings.all.filter { $0.variable == setting.variable }.count == 1)
    #expect(setting.purpose.hasSuffix("."))
    #expect(!setting.rule.isEmpty)
  }

  @Test("the example file is every setting at its default")
  func example() throws {
    let file = Self.root.appending(path: "deploy/worker.yaml")
    let none = ["DREAMSTREAM_WORKER_NAME": "w"]
    let made = try Configuration.load(file: file.path, overrides: [], environment: none)
    let standard = try Configuration.load(file: nil, overrides: [], environment: none)
    #expect(made.description == standard.description)
    let text = try String(contentsOf: file, encoding: .utf8)
    for setting in Settings.all where setting.openPrefix == nil {
      let name = try #require(setting.key.split(separator: ".").last)
      #expect(text.contains(" \(name):"), "\(setting.key) is missing")
    }
  }

  @Test("the README's table is this table")
  func reference() throws {
    let table = Settings.markdownReference()
    #expect(table.contains("| `batch.max_size` | `256` | a whole number from 1 to 4096 | Events"))
    let readme = try? String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    guard let readme, let start = readme.firstRange(of: "<!-- settings -->\n"),
      let end = readme.firstRange(of: "\n<!-- /settings -->")
    else { return }
    #expect(readme[start.upperBound..<end.lowerBound] == table)
  }
}
