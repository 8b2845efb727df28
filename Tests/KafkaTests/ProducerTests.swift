import Kafka
import TestSupport
import Testing

@Suite("Producer", .ownThread, .timeLimit(.minutes(1)))
struct ProducerTests {
  @Test("a flush returns when every message is stored")
  func flush() throws {
    let world = try World()
    var producer = try world.producer(["linger.ms": "1000"])
    for number in 0..<100 {
      try producer.send(topic: world.topic, key: nil, value: [UInt8(number)])
    }
    try producer.flush(timeoutMs: 5_000)
    let (delivered, outstanding) = (producer.delivered, producer.outstanding)
    #expect(delivered == 100)
    #expect(outstanding == 0)
  }

  @Test("while no broker answers a flush times out, and says how much is not stored")
  func outage() throws {
    let world = try World()
    var producer = try world.producer(World.nowhere)
    try producer.send(topic: world.topic, partition: 0, key: nil, value: [1])
    let failure = #expect(throws: KafkaFailure.self) { try producer.flush(timeoutMs: 300) }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.hasPrefix("1 messages not stored after 300 ms") == true)
    let outstanding = producer.outstanding
    #expect(outstanding == 1)
  }

  @Test("what a broker refuses for a while is sent again until it is stored, once")
  func refusedForAWhile() throws {
    let world = try World()
    try world.produce(0..<1)
    var producer = try world.producer(["retry.backoff.ms": "20"])
    let notLeader = 6
    world.broker.refuseNext(apiKey: 0, codes: [notLeader, notLeader])
    try producer.send(topic: world.topic, partition: 0, key: nil, value: [1])
    try producer.flush(timeoutMs: 10_000)
    let consumer = try world.consumer()
    let numbers = try consumer.take(2).numbers
    #expect(numbers == [0, 1])
    let more = try consumer.poll(max: 1, firstWaitMs: 300, lingerMs: 0)
    #expect(more.isEmpty)
  }

  @Test("a message given up is reported once, and asks for the work to be done again")
  func givenUp() throws {
    let world = try World()
    let settings = ["message.timeout.ms": "200", "linger.ms": "0"]
    var producer = try world.producer(settings.merging(World.nowhere) { $1 })
    try producer.send(topic: world.topic, key: nil, value: [1])
    let failure = #expect(throws: KafkaFailure.self) { try producer.flush(timeoutMs: 10_000) }
    #expect(failure?.code == "_MSG_TIMED_OUT")
    #expect(failure?.remedy == .rewind)
    #expect(failure?.reason.contains("events [") == true)
    try producer.flush(timeoutMs: 100)
  }

  @Test("what the broker refuses asks for somebody to act")
  func refused() throws {
    let world = try World()
    let messageTooLarge = 10
    world.broker.refuseNext(apiKey: 0, codes: [messageTooLarge])
    var producer = try world.producer(["enable.idempotence": "false"])
    try producer.send(topic: world.topic, key: nil, value: [1])
    let failure = #expect(throws: KafkaFailure.self) { try producer.flush(timeoutMs: 10_000) }
    #expect(failure?.code == "MSG_SIZE_TOO_LARGE")
    #expect(failure?.remedy == .stop)
  }

  @Test("a message that is too large is refused when sent, and alone")
  func tooLarge() throws {
    let world = try World()
    var producer = try world.producer(["message.max.bytes": "2000"])
    let large = [UInt8](repeating: 1, count: 4_000)
    let failure = #expect(throws: KafkaFailure.self) {
      try producer.send(topic: world.topic, key: nil, value: large)
    }
    #expect(failure?.remedy == .skip)
    try producer.send(topic: world.topic, key: nil, value: [1])
    try producer.flush(timeoutMs: 5_000)
  }

  @Test("a full queue holds the caller back instead of failing")
  func backPressure() throws {
    let world = try World()
    var producer = try world.producer(["queue.buffering.max.messages": "10"])
    for number in 0..<500 {
      try producer.send(topic: world.topic, key: nil, value: [UInt8(number % 256)])
    }
    try producer.flush(timeoutMs: 5_000)
    let delivered = producer.delivered
    #expect(delivered == 500)
  }

  @Test("a queue that stays full is a failure to be tried again")
  func stuck() throws {
    let world = try World()
    let settings = ["queue.buffering.max.messages": "5"].merging(World.nowhere) { $1 }
    var producer = try world.producer(settings, sendTimeoutMs: 50)
    for _ in 0..<5 { try producer.send(topic: world.topic, key: nil, value: []) }
    let failure = #expect(throws: KafkaFailure.self) {
      try producer.send(topic: world.topic, key: nil, value: [])
    }
    #expect(failure?.code == "_QUEUE_FULL")
    #expect(failure?.remedy == .retry)
    let outstanding = producer.outstanding
    #expect(outstanding == 5)
  }

  @Test("transactions without a broker fail with the address and the reason")
  func noTransactions() throws {
    let world = try World()
    let settings = ["transactional.id": "t"].merging(World.nowhere) { $1 }
    let producer = try world.producer(settings)
    let failure = #expect(throws: KafkaFailure.self) {
      try producer.initTransactions(timeoutMs: 1_000)
    }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("127.0.0.1:1 failed: Connection refused") == true)
  }

  @Test("letting go of a producer that cannot send takes no time")
  func letGo() throws {
    let world = try World()
    let clock = ContinuousClock()
    let took = try clock.measure {
      var producer = try world.producer(World.nowhere)
      try producer.send(topic: world.topic, key: nil, value: [1])
    }
    #expect(took < .seconds(5))
  }
}
