import Kafka
import Synchronization

/// Clients of one embedded broker with one topic.
struct World {
  let broker: EmbeddedBroker
  let topic = "events"
  /// Where no broker listens. (One that is stopped frees its port for the next test's.)
  static let nowhere = ["bootstrap.servers": "127.0.0.1:1"]

  init(partitions: Int = 1) throws {
    broker = try EmbeddedBroker()
    try broker.createTopic(topic, partitions: partitions)
  }

  func producer(
    _ settings: [String: String] = [:],
    sendTimeoutMs: Int = 5_000
  ) throws -> Producer {
    try Producer(settings: merged(settings), sendTimeoutMs: sendTimeoutMs)
  }

  func consumer(
    group: String = "g",
    _ settings: [String: String] = [:]
  ) throws -> Consumer {
    let own = [
      "group.id": group, "auto.offset.reset": "earliest", "fetch.wait.max.ms": "100",
      // The mock settles a group one second before this has passed.
      "session.timeout.ms": "3000", "heartbeat.interval.ms": "200",
    ]
    let consumer = try Consumer(
      settings: merged(own.merging(settings) { $1 }),
      log: nil
    )
    try consumer.subscribe(to: [topic])
    return consumer
  }

  /// Stores messages whose values are the given numbers.
  func produce(_ numbers: Range<UInt8>, partition: Int32 = 0) throws {
    var producer = try producer()
    for number in numbers {
      try producer.send(topic: topic, partition: partition, key: nil, value: [number])
    }
    try producer.flush(timeoutMs: 30_000)
  }

  func merged(_ settings: [String: String]) -> [String: String] {
    [
      "bootstrap.servers": broker.bootstrapServers, "reconnect.backoff.ms": "20",
      "reconnect.backoff.max.ms": "100", "log_level": "0",
    ].merging(settings) { $1 }
  }
}

extension Consumer {
  /// Takes `count` messages in batches, or those there are after some seconds.
  borrowing func take(_ count: Int, max: Int = 100) throws -> [Delivery] {
    var taken: [Delivery] = []
    let deadline = ContinuousClock.now + .seconds(15)
    while taken.count < count, .now < deadline {
      taken += try poll(max: Swift.min(max, count - taken.count), firstWaitMs: 200, lingerMs: 20)
    }
    return taken
  }

  /// Polls until `done`, or for some seconds.
  borrowing func wait(until done: (borrowing Consumer) -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(15)
    while !done(self), .now < deadline { _ = try poll(max: 1, firstWaitMs: 50, lingerMs: 0) }
  }
}

extension [Delivery] {
  var numbers: [UInt8] { compactMap { $0.value?.first } }
}

/// Lines written from anywhere.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])

  func append(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
}
