import TestSupport
import Testing

@testable import Kafka

@Suite("Consumer", .ownThread, .timeLimit(.minutes(1)))
struct ConsumerTests {
  @Test("a message comes back as it was sent: key, headers, time, tombstone, nothing and empty")
  func roundTrip() throws {
    let world = try World()
    var producer = try world.producer()
    let headers = [
      KafkaHeader(name: "a", value: [1, 2]), KafkaHeader(name: "b", value: nil),
      KafkaHeader(name: "a", value: []),
    ]
    try producer.send(
      topic: world.topic,
      partition: 0,
      key: [9],
      value: [8],
      headers: headers,
      timestampMs: 1_234
    )
    try producer.send(topic: world.topic, partition: 0, key: [9], value: nil, timestampMs: 1_235)
    try producer.send(topic: world.topic, partition: 0, key: nil, value: [], timestampMs: 1_236)
    try producer.flush(timeoutMs: 30_000)

    let deliveries = try world.consumer().take(3)
    #expect(deliveries.map(\.offset) == [0, 1, 2])
    #expect(deliveries.map(\.topicPartition) == Array(repeating: world.events(0), count: 3))
    #expect(deliveries.map(\.key) == [[9], [9], nil])
    #expect(deliveries.map(\.value) == [[8], nil, []])
    #expect(deliveries.map(\.timestampMs) == [1_234, 1_235, 1_236])
    #expect(deliveries.map(\.headers) == [headers, [], []])
  }

  @Test("a poll takes no more than asked for, and waits no longer than told")
  func microBatches() throws {
    let world = try World()
    try world.produce(0..<25)
    let consumer = try world.consumer()
    let first = try consumer.take(1)
    #expect(first.numbers == [0])

    let clock = ContinuousClock()
    var sizes: [Int] = []
    for _ in 0..<3 {
      sizes.append(try consumer.poll(max: 10, firstWaitMs: 2_000, lingerMs: 300).count)
    }
    #expect(sizes == [10, 10, 4])
    let none = try consumer.poll(max: 0, firstWaitMs: 2_000, lingerMs: 300)
    #expect(none.isEmpty)
    var empty: [Delivery] = []
    let took = try clock.measure { empty = try consumer.poll(max: 9, firstWaitMs: 50, lingerMs: 9) }
    #expect(empty.isEmpty)
    #expect(took >= .milliseconds(50) && took < .seconds(1))
  }

  @Test("a group goes on from its committed offset, the next to read")
  func resume() throws {
    let world = try World()
    try world.produce(0..<10)
    do {
      let consumer = try world.consumer()
      let taken = try consumer.take(4)
      #expect(taken.numbers == [0, 1, 2, 3])
      let none = try consumer.committed([world.events(0)], timeoutMs: 30_000)
      #expect(none.isEmpty)
      try consumer.commit(offsets: [world.events(0): 3], timeoutMs: 30_000)
      let committed = try consumer.committed([world.events(0)], timeoutMs: 30_000)
      #expect(committed == [world.events(0): 3])
      let memberID = consumer.memberID
      #expect(memberID != nil)
    }
    let again = try world.consumer().take(1)
    #expect(again.numbers == [3])
  }

  static let protocols = ["range", "cooperative-sticky"]

  @Test("a second member takes over half, and the first sees another epoch", arguments: protocols)
  func share(strategy: String) throws {
    let world = try World(partitions: 2)
    let settings = ["partition.assignment.strategy": strategy]
    let first = try world.consumer(settings)
    try first.wait { $0.assignment.count == 2 }
    let epoch = first.assignmentEpoch
    let second = try world.consumer(settings)
    try first.wait { one in
      _ = try? second.poll(max: 1, firstWaitMs: 0, lingerMs: 0)
      return one.assignment.count == 1 && second.assignment.count == 1
    }
    let (one, other, later) = (first.assignment, second.assignment, first.assignmentEpoch)
    #expect(one.union(other) == [world.events(0), world.events(1)])
    #expect(later > epoch)

    let gone = try #require(other.first)
    let failure = #expect(throws: KafkaFailure.self) {
      try first.commit(offsets: [gone: 1], timeoutMs: 30_000)
    }
    #expect(failure?.remedy == .rewind)
    #expect(failure?.reason.contains("\(gone)") == true)
  }

  @Test("a rewind delivers again, and leaves other people's partitions alone")
  func rewind() throws {
    let world = try World()
    try world.produce(0..<10)
    let consumer = try world.consumer()
    _ = try consumer.take(6)
    let position = try consumer.positions()
    #expect(position == [world.events(0): 6])
    try consumer.rewind(to: [world.events(0): 2, world.other: 0], timeoutMs: 30_000)
    let again = try consumer.take(8)
    #expect(again.numbers == Array(2..<10))
  }

  @Test("while paused nothing is delivered, and nothing is lost", arguments: [false, true])
  func pause(rewinding: Bool) throws {
    let world = try World()
    try world.produce(0..<10)
    let consumer = try world.consumer()
    _ = try consumer.take(3)
    try consumer.pauseAll()
    let silence = try consumer.poll(max: 10, firstWaitMs: 300, lingerMs: 0)
    #expect(silence.isEmpty)
    if rewinding { try consumer.rewind(to: [world.events(0): 1], timeoutMs: 30_000) }
    try consumer.resumeAll()
    let first: UInt8 = rewinding ? 1 : 3
    let rest = try consumer.take(Int(10 - first))
    #expect(rest.numbers == Array(first..<10))
  }

  @Test("partitions that come while paused are paused too")
  func pausedFromTheStart() throws {
    let world = try World()
    try world.produce(0..<3)
    let consumer = try world.consumer()
    try consumer.pauseAll()
    try consumer.wait { !$0.assignment.isEmpty }
    let silence = try consumer.poll(max: 10, firstWaitMs: 500, lingerMs: 0)
    #expect(silence.isEmpty)
    try consumer.resumeAll()
    let taken = try consumer.take(3)
    #expect(taken.numbers == [0, 1, 2])
  }

  @Test("lag is what waits between the position and the end")
  func lag() throws {
    let world = try World()
    try world.produce(0..<10)
    let consumer = try world.consumer()
    _ = try consumer.take(4)
    let progress = try consumer.progress()
    #expect(progress.map(\.topicPartition) == [world.events(0)])
    #expect(progress.map(\.position) == [4])
    #expect(progress.map(\.end) == [10])
    #expect(progress.map(\.lag) == [6])
  }

  @Test("what was taken and is not done waits too, and so does what arrives while paused")
  func lagOfUndone() throws {
    let world = try World()
    try world.produce(0..<10)
    let consumer = try world.consumer()
    _ = try consumer.take(4)
    let progress = try consumer.progress()
    #expect(progress.map { $0.undone(from: 1).lag } == [9])
    #expect(progress.map { $0.undone(from: nil).lag } == [6])
    try consumer.pauseAll()
    try world.produce(10..<15)
    try consumer.askAboutSilent(timeoutMs: 30_000)
    let paused = try consumer.progress()
    #expect(paused.map(\.position) == [4] && paused.map(\.lag) == [11])
  }

  @Test("where nothing came, what was committed tells the lag, or else what is kept")
  func lagOfSilence() throws {
    let world = try World(partitions: 3)
    for partition in 0..<3 as Range<Int32> { try world.produce(0..<10, partition: partition) }
    do {
      let consumer = try world.consumer()
      try consumer.wait { $0.assignment.count == 3 }
      try consumer.commit(offsets: [world.events(1): 4, world.events(2): 10], timeoutMs: 30_000)
    }
    let consumer = try world.consumer()
    // Paused, partitions are as silent as those whose fetches are not answered.
    try consumer.pauseAll()
    try consumer.wait { $0.assignment.count == 3 }
    let unknown = try consumer.progress()
    #expect(unknown.allSatisfy { $0.position == nil && $0.lag == nil })
    try consumer.askAboutSilent(timeoutMs: 30_000)
    let progress = try consumer.progress().sorted {
      $0.topicPartition.partition < $1.topicPartition.partition
    }
    #expect(progress.map(\.position) == [0, 4, 10])
    #expect(progress.map(\.lag) == [10, 6, 0])
  }

  @Test("a partition whose end was reached waits for nothing, though no message came")
  func endReached() throws {
    let world = try World()
    try world.produce(0..<10)
    do {
      let consumer = try world.consumer()
      try consumer.wait { $0.assignment.count == 1 }
      try consumer.commit(offsets: [world.events(0): 10], timeoutMs: 30_000)
    }
    let consumer = try world.consumer()
    try consumer.wait { (try? $0.progress())?.first?.position != nil }
    let progress = try consumer.progress()
    #expect(progress.map(\.position) == [10])
    #expect(progress.map(\.lag) == [0])
    try consumer.rewind(to: [world.events(0): 7], timeoutMs: 30_000)
    let first = try consumer.take(1)
    let left = try consumer.progress()
    #expect(first.numbers == [7] && left.map(\.lag) == [2])
    let again = try consumer.take(2)
    #expect(again.numbers == [8, 9])
  }

  @Test("a broker that knows nothing of times is not taken to have nothing that late")
  func noTimes() throws {
    let world = try World()
    try world.produce(0..<3)
    let found = try world.consumer().offsets(since: 1, of: [world.events(0)], timeoutMs: 30_000)
    #expect(found == [:])
  }

  @Test("a topic that is not there is a failure to be tried again")
  func missingTopic() throws {
    let world = try World()
    let settings = world.merged(["group.id": "g", "allow.auto.create.topics": "false"])
    let consumer = try Consumer(settings: settings)
    try consumer.subscribe(to: ["^nothing", "missing"])
    let failure = #expect(throws: KafkaFailure.self) {
      for _ in 0..<50 { _ = try consumer.poll(max: 1, firstWaitMs: 100, lingerMs: 0) }
    }
    #expect(failure?.code == "UNKNOWN_TOPIC_OR_PART")
    #expect(failure?.remedy == .retry)
  }

  @Test("an error in one partition loses no messages of another")
  func errorBesideMessages() throws {
    let world = try World(partitions: 2)
    try world.produce(0..<3)
    do {
      let consumer = try world.consumer()
      _ = try consumer.take(1)
      try consumer.commit(offsets: [world.events(0): 0, world.events(1): 50], timeoutMs: 30_000)
    }
    let consumer = try world.consumer(["auto.offset.reset": "error"])
    var taken: [Delivery] = []
    var failures: [KafkaFailure] = []
    for _ in 0..<100 where taken.count < 3 || failures.isEmpty {
      do { taken += try consumer.poll(max: 9, firstWaitMs: 100, lingerMs: 500) } catch {
        failures.append(error)
      }
    }
    #expect(taken.numbers == [0, 1, 2])
    #expect(failures.map(\.code) == ["_AUTO_OFFSET_RESET"])
    #expect(failures.map(\.remedy) == [.stop])
  }

  @Test("a consumer that is assigned partitions reads from its offsets, outside the group")
  func assigned() throws {
    let world = try World(partitions: 2)
    try world.produce(0..<3)
    try world.produce(3..<6, partition: 1)
    let settings = ["group.id": "g", "fetch.wait.max.ms": "100"]
    let consumer = try Consumer(settings: world.merged(settings))
    let both: Set = [world.events(0), world.events(1)]
    let ends = try consumer.endOffsets(of: both, timeoutMs: 30_000)
    #expect(ends == [world.events(0): 3, world.events(1): 3])
    try consumer.assign([world.events(0): 1, world.events(1): 3])
    let assignment = consumer.assignment
    #expect(assignment == both)
    try world.produce(6..<7, partition: 1)
    #expect(try Set(consumer.take(3).numbers) == [1, 2, 6])
  }

  @Test("brokers that do not answer are noticed")
  func outage() throws {
    let world = try World()
    let consumer = try world.consumer(World.nowhere)
    let deadline = ContinuousClock.now + .seconds(30)
    while consumer.lastError == nil, .now < deadline {
      _ = try? consumer.poll(max: 1, firstWaitMs: 100, lingerMs: 0)
    }
    let trouble = consumer.lastError
    #expect(trouble?.remedy == .retry)
    // That one broker of one is down would say less.
    #expect(trouble?.reason.contains("127.0.0.1:1 failed: Connection refused") == true)
  }
}

extension World {
  func events(_ partition: Int32) -> TopicPartition {
    TopicPartition(topic: topic, partition: partition)
  }
  /// A partition that is nobody's.
  var other: TopicPartition { events(99) }
}
