internal import Events
internal import Kafka
internal import Pipeline

/// Hands messages to a producer, each for its topic, and cuts dead letters down until theirs takes
/// them: how much that is nobody says.
struct OutgoingTopics {
  private static let tooLarge: Set = ["MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE"]

  private let suggestions: String
  private let deadLetters: String
  /// Bytes of a dead letter; the brokers have refused what is larger, or half as large.
  private var letterLimit = Int.max
  /// Bytes of the largest dead letter since all were stored that could have been cut down.
  private var largest = 0

  init(suggestions: String, deadLetters: String) {
    self.suggestions = suggestions
    self.deadLetters = deadLetters
  }

  mutating func send(
    _ message: Message,
    by producer: inout Producer
  ) throws(KafkaFailure) {
    var message = message
    while true {
      let shorter = message.destination == .deadLetters ? message.shorter : nil
      if let shorter, message.size > letterLimit {
        message = shorter
        continue
      }
      do throws(KafkaFailure) {
        try producer.send(
          topic: message.destination == .suggestions ? suggestions : deadLetters,
          key: message.key,
          value: message.value,
          headers: message.headers.map { KafkaHeader(name: $0.name, value: $0.value) },
        )
        if shorter != nil { largest = max(largest, message.size) }
        return
      } catch {
        guard let shorter, Self.tooLarge.contains(error.code) else { throw error }
        message = shorter
      }
    }
  }

  /// Everything that was sent is stored, or will never be.
  mutating func settled() { largest = 0 }

  /// Something that was sent was not stored.
  ///
  /// - Returns: Whether it will be when it is sent again, for it is cut down from now on.
  mutating func learn(from failure: KafkaFailure) -> Bool {
    defer { largest = 0 }
    let isLetter = failure.topic == deadLetters && largest > 0
    guard isLetter, Self.tooLarge.contains(failure.code) else { return false }
    letterLimit = largest / 2
    return true
  }
}

extension Message {
  fileprivate var size: Int {
    headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) {
      $0 + $1.name.utf8.count + ($1.value?.count ?? 0)
    }
  }

  /// A dead letter without its value, then without the key and the headers of its message.
  ///
  /// What is left still says where that lies; `nil` when nothing more can go.
  fileprivate var shorter: Message? {
    var rest = self
    if let value {
      rest.value = nil
      rest.headers.append(Header(DeadLetter.omitted, "\(value.count) bytes"))
      return rest
    }
    rest.key = nil
    rest.headers.removeAll { !$0.name.hasPrefix(DeadLetter.prefix) }
    if rest == self { return nil }
    rest.headers.append(Header(DeadLetter.omittedKey, "\(key?.count ?? 0) bytes"))
    return rest
  }
}
