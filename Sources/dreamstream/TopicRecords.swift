import Events
import Foundation
import Kafka
import Replay
import Service

/// The records of a topic from one moment or offset to another, its partitions merged by time.
///
/// A partition's own order is kept: per-user order is, whatever the clocks of producers. Memory is
/// bounded, for a partition is read on only when its next record is wanted.
final class TopicRecords: RecordSource {
  private var partitions: [PartitionRecords] = []

  init(
    _ settings: [String: String],
    topic: String,
    from: TopicBound?,
    until: TopicBound?
  ) throws {
    let found = try dreamstream.partitions(of: topic, settings, patience: .seconds(15))
    for partition in found.sorted(by: { $0.partition < $1.partition }) {
      partitions.append(try PartitionRecords(settings, partition, from: from, until: until))
    }
  }

  var share: Double {
    let (done, all) = partitions.reduce((0.0, 0.0)) { ($0.0 + $1.done, $0.1 + $1.all) }
    return all > 0 ? done / all : 1
  }

  func next() throws -> ReplayedRecord? {
    var first: (index: Int, timestampMs: Int64)?
    for (index, partition) in partitions.enumerated() {
      guard let head = try partition.head() else { continue }
      if first.map({ head.timestampMs < $0.timestampMs }) ?? true {
        first = (index, head.timestampMs)
      }
    }
    guard let first, let delivery = partitions[first.index].take() else { return nil }
    let timestampMs = delivery.timestampMs < 0 ? nil : delivery.timestampMs
    return ReplayedRecord(record: Record(delivery), part: nil, timestampMs: timestampMs)
  }
}

/// Where a replay of a topic begins or ends: at a time, or at an offset in each partition.
enum TopicBound: Equatable {
  case time(Int64)
  case offset(Int64)

  /// `offset:N`, milliseconds since 1970, or a date such as 2014-04-01T12:00:00Z.
  init?(_ text: String) {
    if text.hasPrefix("offset:") {
      guard let offset = Int64(text.dropFirst("offset:".count)), offset >= 0 else { return nil }
      self = .offset(offset)
    } else if let ms = Int64(text) {
      if ms < 0 { return nil }
      self = .time(ms)
    } else if let date = try? Date(text, strategy: .iso8601) {
      self = .time(Int64((date.timeIntervalSince1970 * 1_000).rounded()))
    } else {
      return nil
    }
  }
}

/// The records of one partition.
private final class PartitionRecords {
  private static let patience: Duration = .seconds(30)
  private static let timeoutMs = 10_000

  private let consumer: Consumer
  private let partition: TopicPartition
  private let from: TopicBound?
  private let until: TopicBound?
  private let start: Int64
  private let end: Int64
  private var position: Int64
  private var waiting: ArraySlice<Delivery> = []

  init(
    _ settings: [String: String],
    _ partition: TopicPartition,
    from: TopicBound?,
    until: TopicBound?
  ) throws {
    let defaults = [
      "group.id": "dreamstream-replay", "auto.offset.reset": "earliest",
      "isolation.level": "read_committed", "fetch.wait.max.ms": "100",
      "enable.partition.eof": "true", "queued.max.messages.kbytes": "1024",
    ]
    consumer = try Consumer(settings: defaults.merging(settings) { $1 })
    self.partition = partition
    self.from = from
    self.until = until
    let one: Set = [partition]
    guard
      let low = try consumer.firstOffsets(of: one, timeoutMs: Self.timeoutMs)[partition],
      let told = try consumer.endOffsets(of: one, timeoutMs: Self.timeoutMs)[partition]
    else {
      throw CommandFailure("the brokers do not say where \(partition) begins and ends")
    }
    let high = try Self.end(defaults.merging(settings) { $1 }, partition, low..<max(low, told))
    switch from {
    case .offset(let offset): start = max(low, offset)
    // Some brokers know nothing of times: what is too early is passed over as well.
    case .time(let ms):
      let found = try consumer.offsets(since: ms, of: one, timeoutMs: Self.timeoutMs)[partition]
      start = min(max(low, found ?? low), high)
    case nil: start = low
    }
    if case .offset(let offset) = until { end = min(high, offset) } else { end = high }
    position = start
    if start < end { try consumer.assign([partition: start]) }
  }

  /// Where the partition ends just now: some brokers tell of an end that is too early, until
  /// something was fetched.
  private static func end(
    _ settings: [String: String],
    _ partition: TopicPartition,
    _ told: Range<Int64>
  ) throws -> Int64 {
    if told.isEmpty { return told.upperBound }
    let consumer = try Consumer(settings: settings)
    try consumer.assign([partition: told.upperBound - 1])
    let deadline = ContinuousClock.now + .milliseconds(timeoutMs)
    while .now < deadline {
      let isFetched = try !consumer.poll(max: 1, firstWaitMs: 200, lingerMs: 0).isEmpty
      guard let progress = try consumer.progress().first else { continue }
      if isFetched || progress.position != nil {
        return max(told.upperBound, progress.end ?? told.upperBound)
      }
    }
    throw CommandFailure("nothing comes of \(partition), which has messages")
  }

  var done: Double { Double(min(max(position, start), end) - start) }
  var all: Double { Double(max(0, end - start)) }

  /// The next record, without taking it; `nil` after the last.
  func head() throws -> Delivery? {
    var deadline = ContinuousClock.now + Self.patience
    while true {
      while let head = waiting.first {
        if isInside(head) { return head }
        waiting.removeFirst()
      }
      if position >= end { return nil }
      let deliveries: [Delivery]
      do throws(KafkaFailure) {
        deliveries = try consumer.poll(max: 1_000, firstWaitMs: 200, lingerMs: 0)
      } catch {
        if error.remedy == .stop { throw error }
        deliveries = []
      }
      if let last = deliveries.last {
        position = last.offset + 1
        waiting = deliveries.filter { $0.offset < end }[...]
        deadline = .now + Self.patience
      } else if let reached = try consumer.progress().first?.position, reached > position {
        // The ends of transactions take offsets too.
        position = reached
      } else if .now > deadline {
        throw CommandFailure(
          "nothing came of \(partition) for \(Self.patience), and it goes on to \(end)"
        )
      }
    }
  }

  func take() -> Delivery? { waiting.popFirst() }

  private func isInside(_ delivery: Delivery) -> Bool {
    if case .time(let ms) = from, delivery.timestampMs < ms { return false }
    if case .time(let ms) = until, delivery.timestampMs >= ms { return false }
    return true
  }
}
