/// A rule between settings.
struct SettingRelation: Sendable {
  /// The setting the problem is reported for, and then the others.
  let keys: [String]
  /// What must hold, and what to do where it does not.
  let rule: String
  let remedy: String
  let holds: @Sendable (Configuration) -> Bool

  func problem(
    in configuration: Configuration,
    given entries: [String: SettingEntry]
  ) -> ConfigurationFailure.Problem? {
    if holds(configuration) { return nil }
    let shown = keys.flatMap { key in
      Settings.setting(of: key)?.shown(configuration).filter { $0.key == key } ?? []
    }
    // Of a property that may stand in two places, the one that was given.
    let key = keys.first { entries[$0] != nil && Settings.isProperty($0) } ?? keys[0]
    let others = shown.filter { $0.key != key }.map { "\($0.key) = \($0.text)" }
      .joined(separator: ", ")
    return .init(
      key: key,
      value: shown.first { $0.key == key }?.text,
      origin: entries[key]?.origin ?? "default",
      rule: "\(rule), with \(others)",
      remedy: remedy,
    )
  }

  static let all: [SettingRelation] = [
    SettingRelation(
      keys: ["sessions.slack", "batch.max_size"],
      rule: "it must be at least batch.max_size, for a whole batch of one user may come again",
      remedy: "raise it, or lower batch.max_size",
      holds: { $0.sessions.slack >= $0.batch.maxSize },
    ),
    SettingRelation(
      keys: ["sessions.lateness", "sessions.ttl_ms"],
      rule: "it must be at most sessions.ttl_ms, for a forgotten session takes no late click",
      remedy: "lower it, or raise sessions.ttl_ms",
      holds: { $0.sessions.latenessMs <= $0.sessions.ttlMs },
    ),
    SettingRelation(
      keys: ["topics.clicks", "topics.suggestions", "topics.dead_letters"],
      rule: "the three topics must differ, or the worker reads what it writes",
      remedy: "rename one of them",
      holds: { Set([$0.topics.clicks, $0.topics.suggestions, $0.topics.deadLetters]).count == 3 },
    ),
    SettingRelation(
      keys: ["redis.user", "redis.password"],
      rule: "a user needs a password",
      remedy: "give redis.password, or leave redis.user out",
      holds: { $0.redis.user == nil || $0.redis.password != nil },
    ),
    SettingRelation(
      keys: [
        "kafka.consumer.properties.max.poll.interval.ms", "kafka.properties.max.poll.interval.ms",
        "batch.max_delay_ms", "redis.connect_timeout_ms", "redis.command_timeout_ms",
        "generate.deadline_ms",
      ],
      rule: "max.poll.interval.ms must exceed the longest time between two polls, their sum",
      remedy: "raise it, or lower the others; librdkafka's own is 300000",
      holds: { configuration in
        let given = configuration.kafka.consumerProperties["max.poll.interval.ms"]
        // What is not a number librdkafka refuses itself, in its own words.
        guard let interval = given.map({ Int64($0) }) ?? 300_000 else { return true }
        let redis = configuration.redis.connectTimeoutMs + configuration.redis.commandTimeoutMs
        return configuration.batch.maxDelayMs + redis + configuration.generate.deadlineMs
          < interval
      },
    ),
    SettingRelation(
      keys: ["delivery.mode", "kafka.brokers"],
      rule: "exactly-once needs brokers with transactions, and the embedded one has none",
      remedy: "name brokers, or use auto or at-least-once",
      holds: { $0.delivery.mode != .exactlyOnce || $0.kafka.brokers != .embedded },
    ),
    SettingRelation(
      keys: [
        "shutdown.budget", "batch.max_delay_ms", "redis.command_timeout_ms",
        "delivery.transaction_timeout",
      ],
      rule: "it must leave time to finish a batch: more than batch.max_delay_ms and "
        + "redis.command_timeout_ms together and, exactly once, three steps of a transaction, each "
        + "half of delivery.transaction_timeout or 2.5s",
      remedy: "raise it, or lower the others",
      holds: { configuration in
        let steps = configuration.isTransactional ? 3 * configuration.transactionStepMs : 0
        let batch = configuration.batch.maxDelayMs + configuration.redis.commandTimeoutMs
        return configuration.shutdown.budgetMs > batch + steps
      },
    ),
  ]
}
