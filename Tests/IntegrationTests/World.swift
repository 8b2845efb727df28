import Events
import Foundation
import Kafka
import KafkaProxy
import Logging
import Network
import Redis
import Service
import Sessions
import TestSupport

/// Topics, a Redis and a model of one test's own, on the shared broker and the shared server.
struct World {
  let bootstrap: String
  let name = SharedBroker.uniqueName("worker")
  let model: String
  let redis: RedisServer

  var clicks: String { "\(name)-clicks" }
  var suggestions: String { "\(name)-suggestions" }
  var deadLetters: String { "\(name)-dlq" }

  init() throws {
    bootstrap = try SharedBroker.bootstrap()
    redis = try RedisServer.shared
    model = FileManager.default.temporaryDirectory.appending(path: name).path
    try ModelDirectory.write(TinyModel.make(denoiser: .mlp), to: model)
    let admin = try Admin(settings: ["bootstrap.servers": bootstrap])
    let topics = [clicks, suggestions, deadLetters].map { NewTopic(name: $0, partitions: 2) }
    try admin.createTopics(topics, timeoutMs: 10_000)
  }

  func end() { try? FileManager.default.removeItem(atPath: model) }

  /// The worker's settings, as key and value.
  var settings: [(key: String, value: String)] {
    [
      ("kafka.brokers", bootstrap), ("kafka.group", name), ("topics.clicks", clicks),
      ("topics.suggestions", suggestions), ("topics.dead_letters", deadLetters),
      ("redis.address", "127.0.0.1:\(redis.port)"), ("redis.prefix", name),
      ("model.directory", model), ("http.port", "0"), ("log.level", "warning"),
      ("sessions.max_length", "5"), ("sessions.lateness", "10d"), ("events.max_bytes", "1000"),
      ("kafka.consumer.properties.session.timeout.ms", "6000"),
    ]
  }

  func configuration(_ more: [(key: String, value: String)] = []) throws -> Configuration {
    try Configuration.load(file: nil, overrides: settings + more, environment: [:])
  }

  func produce(_ messages: [(key: String?, value: [UInt8]?)]) throws {
    var producer = try Producer(settings: ["bootstrap.servers": bootstrap, "linger.ms": "5"])
    for message in messages {
      try producer.send(
        topic: clicks,
        key: message.key.map { Array($0.utf8) },
        value: message.value
      )
    }
    try producer.flush(timeoutMs: 30_000)
  }

  /// Everything in a topic, once at least `count` messages are there or `seconds` have passed.
  func read(_ topic: String, atLeast count: Int, seconds: Int) throws -> [Delivery] {
    let consumer = try Consumer(settings: [
      "bootstrap.servers": bootstrap, "group.id": SharedBroker.uniqueName("reader"),
      "auto.offset.reset": "earliest", "fetch.wait.max.ms": "100",
      "session.timeout.ms": "6000",
    ])
    try consumer.subscribe(to: [topic])
    var deliveries: [Delivery] = []
    let deadline = ContinuousClock.now + .seconds(seconds)
    var quiet = 0
    while ContinuousClock.now < deadline, deliveries.count < count || quiet < 5 {
      let more = (try? consumer.poll(max: 10_000, firstWaitMs: 100, lingerMs: 0)) ?? []
      deliveries += more
      quiet = more.isEmpty && deliveries.count >= count ? quiet + 1 : 0
    }
    return deliveries
  }

  /// The session that Redis holds for a user, asked for by a change that changes nothing.
  func session(of user: String, topic: String, partition: Int32) throws -> [String] {
    var store = try RedisSessions(
      settings: RedisSettings(address: .tcp(host: "127.0.0.1", port: redis.port)),
      prefix: name,
      limits: try configuration().sessionLimits
    )
    let change = SessionChange(
      position: Position(topic: topic, partition: partition, offset: Int64.max >> 11),
      kind: .click(item: "x", timestampMs: 0, eventID: nil)
    )
    return try store.claimAndApply([UserChanges(user: user, changes: [change])])[0][0].items
  }
}

func click(
  _ user: String,
  _ item: String,
  atMs: Int64,
  id: String? = nil
) -> (
  key: String?, value: [UInt8]?
) {
  let value = ClickEncoder.encode(
    user: user,
    item: item,
    timestampMs: atMs,
    eventID: id,
    type: nil
  )
  return (user, value)
}
