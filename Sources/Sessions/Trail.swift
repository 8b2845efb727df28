import Events

/// The latest records of one partition that changed a session, and how many clicks it had then.
///
/// Late and duplicate records are in it too: they left no entry, yet they were answered.
struct Trail: Equatable, Sendable {
  struct Step: Equatable, Sendable {
    var offset: Int64
    var ordinal: Int
  }

  let topic: String
  let partition: Int32
  /// Offsets ascend and ordinals do not descend; the last one is the high-water mark.
  private(set) var steps: [Step] = []

  init(_ position: Position) {
    topic = position.topic
    partition = position.partition
  }

  /// Whether the record was seen before: it is not above the mark of its partition.
  func hasSeen(_ position: Position) -> Bool {
    guard topic == position.topic, partition == position.partition, let last = steps.last else {
      return false
    }
    return position.offset <= last.offset
  }

  mutating func append(_ offset: Int64, ordinal: Int, keeping limit: Int) {
    steps.append(Step(offset: offset, ordinal: ordinal))
    if steps.count > limit { steps.removeFirst(steps.count - limit) }
  }

  /// How many clicks the session had as of an offset; 0 before the first step.
  func ordinal(at offset: Int64) -> Int { steps.last { $0.offset <= offset }?.ordinal ?? 0 }
}
