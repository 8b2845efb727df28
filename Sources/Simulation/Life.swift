internal import Synchronization

/// One process of a worker, from its start to its end.
final class Life {
  let number: Int
  /// The name its producer of transactions goes by.
  let producerName: String
  /// Whether it is gone: nothing it calls has any effect then.
  var isDead = false
  /// Whether it is in a turn, perhaps one that stands still.
  var isBusy = false
  let isAskedToStop = Flag()
  /// What librdkafka does on threads of its own.
  var background: () -> Void = {}
  /// What was on its way when it ended.
  var lastWords: () -> Void = {}

  init(number: Int, producerName: String) {
    self.number = number
    self.producerName = producerName
  }
}

/// A truth that the pipeline's options may look at.
final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .relaxed) }

  func set() { value.store(true, ordering: .relaxed) }
}
