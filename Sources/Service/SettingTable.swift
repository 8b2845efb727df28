import FoundationEssentials
import Logging

/// The settings of the worker: what parses, checks, reports and documents them is this table.
package enum Settings {
  package static let all: [Setting] =
    connections + sessions + generation + process

  private static let connections: [Setting] = [
    Setting(
      "kafka.brokers",
      \.kafka.brokers,
      .brokers,
      "Kafka to connect to; `embedded` is a mock cluster in this process."
    ),
    Setting("kafka.group", \.kafka.group, .name(atMost: 255), "Consumer group."),
    Setting(
      properties: "kafka.properties",
      \.kafka.shared,
      "librdkafka properties of both clients."
    ),
    Setting(
      properties: "kafka.consumer.properties",
      \.kafka.consumer,
      "librdkafka properties of the consumer only."
    ),
    Setting(
      properties: "kafka.producer.properties",
      \.kafka.producer,
      "librdkafka properties of the producer only."
    ),
    Setting("topics.clicks", \.topics.clicks, .topic, "Where clicks come from."),
    Setting("topics.suggestions", \.topics.suggestions, .topic, "Where suggestions go."),
    Setting(
      "topics.dead_letters",
      \.topics.deadLetters,
      .topic,
      "Where messages go that cannot be read."
    ),
    Setting("topics.create", \.topics.create, .flag, "Create the topics that are missing."),
    Setting(
      "topics.partitions",
      \.topics.partitions,
      .integer(1...1_024),
      "Partitions of a created topic."
    ),
    Setting(
      "redis.address",
      \.redis.endpoint,
      .redisAddress,
      "Where sessions live; `embedded` is this process, which folds them again from the topic."
    ),
    Setting("redis.user", \.redis.user, Rule.text("a user name").optional(), "ACL user."),
    Setting(
      "redis.password",
      \.redis.password,
      .secret,
      isSecret: true,
      "Password of that user."
    ),
    Setting(
      "redis.prefix",
      \.redis.prefix,
      .name(atMost: 64),
      "What the keys of this worker's sessions begin with."
    ),
    Setting(
      "redis.connect_timeout_ms",
      \.redis.connectTimeoutMs,
      .duration(1...60_000),
      "How long a connection may take."
    ),
    Setting(
      "redis.command_timeout_ms",
      \.redis.commandTimeoutMs,
      .duration(1...60_000),
      "How long the answer for a batch may take."
    ),
  ]

  private static let sessions: [Setting] = [
    Setting(
      "sessions.max_length",
      \.sessions.maxLength,
      .integer(1...1_000),
      "Clicks of a user that the model is shown, the newest."
    ),
    Setting(
      "sessions.slack",
      \.sessions.slack,
      .integer(1...4_096),
      "Clicks kept beyond those, so that a redelivered one finds the session it saw."
    ),
    Setting(
      "sessions.ttl_ms",
      \.sessions.ttlMs,
      .duration(1_000...Self.tenYearsMs),
      "A session nobody adds to for this long is forgotten."
    ),
    Setting(
      "sessions.lateness",
      \.sessions.latenessMs,
      .duration(0...Self.tenYearsMs),
      "A click older than its user's newest by more than this is ignored."
    ),
    Setting(
      "events.types",
      \.events.types,
      .list(of: .name(atMost: 64)),
      "Types of events that count."
    ),
    Setting(
      "events.max_bytes",
      \.events.maxBytes,
      .integer(64...10_000_000),
      "A larger event is a dead letter."
    ),
  ]

  private static let generation: [Setting] = [
    Setting("model.directory", \.model.directory, .path, "Directory of the model."),
    Setting(
      "batch.max_size",
      \.batch.maxSize,
      .integer(1...4_096),
      "Events that are processed together."
    ),
    Setting(
      "batch.max_delay_ms",
      \.batch.maxDelayMs,
      .duration(0...10_000),
      "How long the first event of a batch waits for more."
    ),
    Setting(
      "generate.sampler",
      \.generate.sampler,
      .choice,
      "How embeddings are drawn; `auto`: `folded` for a linear denoiser, otherwise `ddim`."
    ),
    Setting(
      "generate.steps",
      \.generate.steps,
      Rule.integer(1...10_000).optional(),
      standard: "the model's own",
      "Denoising steps of `ddim`."
    ),
    Setting(
      "generate.guidance",
      \.generate.guidance,
      Rule.number(0...100).optional(),
      standard: "the model's own",
      "How strongly the session steers, w of the paper."
    ),
    Setting(
      "generate.seed",
      \.generate.seed,
      .integer(0...9_007_199_254_740_991),
      "Chooses the noise; the same seed gives the same suggestions."
    ),
    Setting(
      "generate.stop.relative_change",
      \.generate.stop.relativeChange,
      Rule.number(0...0.99).adding("; 0 never stops").optional(),
      standard: "the model's own",
      "Stop once a step changes the estimate by less than this part of it; the model's own rule "
        + "counts for its own sampler and steps."
    ),
    Setting(
      "generate.stop.patience",
      \.generate.stop.patience,
      Rule.integer(1...100).optional(),
      standard: "the model's own",
      "Steps in a row that must change so little."
    ),
    Setting(
      "generate.deadline_ms",
      \.generate.deadlineMs,
      .duration(1...60_000, zero: "none"),
      "Time for denoising a batch; then the best estimate so far is used."
    ),
    Setting("suggest.count", \.suggest.count, .integer(1...1_000), "Items of a suggestion."),
    Setting(
      "suggest.exclude_seen",
      \.suggest.excludeSeen,
      .flag,
      "Leave out what is in the user's session."
    ),
    Setting(
      "suggest.allow_file",
      \.suggest.allowFile,
      Rule.path.optional(),
      "Suggest only the items of this file, one id a line."
    ),
    Setting(
      "suggest.deny_file",
      \.suggest.denyFile,
      Rule.path.optional(),
      "Never suggest the items of this file, one id a line."
    ),
    Setting(
      "suggest.include_oracle",
      \.suggest.includeOracle,
      .flag,
      "Publish the generated embedding; it gives the user's history away."
    ),
    Setting(
      "suggest.because",
      \.suggest.because,
      .integer(0...10),
      "Clicks that each item says it rests on; 0 for none. Costs a denoising a click."
    ),
    Setting(
      "learn.live_items",
      \.learn.liveItems,
      .flag,
      "Learn from the stream, all workers together, what is clicked now: new items too. Costs a "
        + "second denoising; an answer given twice may then differ."
    ),
  ]

  private static let process: [Setting] = [
    Setting(
      "delivery.mode",
      \.delivery.mode,
      .choice,
      "How often a click is answered when something fails; `auto`: `exactly-once`, and "
        + "`at-least-once` with the embedded broker."
    ),
    Setting(
      "delivery.transactional_id",
      \.delivery.transactionalID,
      Rule.name(atMost: 200).optional(),
      standard: "kafka.group and worker.name",
      "What the brokers know this worker's transactions by; a worker that starts with it ends what "
        + "another left open, and whoever still works with it."
    ),
    Setting(
      "delivery.transaction_timeout",
      \.delivery.transactionTimeoutMs,
      .duration(1_000...900_000),
      "After how long the brokers give up the transaction of a worker that died, which hides what "
        + "was published since."
    ),
    Setting(
      "faults.fatal_after",
      \.faults.fatalAfterMs,
      .duration(1_000...3_600_000),
      "Exit once Kafka or Redis has failed for this long."
    ),
    Setting(
      "shutdown.budget",
      \.shutdown.budgetMs,
      .duration(100...600_000),
      "Time to finish the batch and leave the group."
    ),
    Setting(
      "http.host",
      \.http.host,
      .host,
      "Address that health and metrics are served on."
    ),
    Setting(
      "http.port",
      \.http.port,
      Rule.integer(0...65_535).adding(", 0 for any that is free").optional(none: "off"),
      "Port of health and metrics."
    ),
    Setting("log.level", \.log.level, .choice, "Least level that is logged."),
    Setting("log.format", \.log.format, .choice, "How log lines are written, to standard error."),
    Setting(
      "worker.name",
      \.worker.name,
      .name(atMost: 128),
      standard: "host name and process id",
      "Names this worker in logs and dead letters."
    ),
    Setting(
      "worker.pipelines",
      \.worker.pipelines,
      .integer(1...64),
      "Pipelines in this process, each a member of the group: "
        + "a `group.instance.id` gets its number."
    ),
  ]

  /// Properties of librdkafka that are ours to set, and what to use instead.
  static let ownProperties: [String: String] = [
    "bootstrap.servers": "use kafka.brokers",
    "metadata.broker.list": "use kafka.brokers",
    "group.id": "use kafka.group",
    "enable.auto.commit": "leave it out: the worker commits what it has published",
    "enable.auto.offset.store": "leave it out: the worker commits what it has published",
    "enable.partition.eof": "leave it out: the ends of partitions tell how far the worker is",
    "delivery.report.only.error": "leave it out: the worker sees every message stored",
    "isolation.level": "leave it out: what was aborted may come again, and would count twice",
    "enable.idempotence": "leave it out: a message sent again would be stored again, or overtaken",
    "auto.offset.reset": "leave it out: from anywhere but the earliest on, clicks would be lost; "
      + "to begin later, commit the group's offsets before its first worker starts",
    "transactional.id": "use delivery.transactional_id",
    "transaction.timeout.ms": "use delivery.transaction_timeout",
  ]

  private static let tenYearsMs: Int64 = 3_650 * 86_400_000

  /// The host's name and the process id.
  static var thisWorker: String {
    let host = ProcessInfo.processInfo.hostName.filter {
      Rule.name(atMost: 1).parse("\($0)") != nil
    }
    return
      "\(host.isEmpty ? "worker" : host.prefix(100))-\(ProcessInfo.processInfo.processIdentifier)"
  }
}
