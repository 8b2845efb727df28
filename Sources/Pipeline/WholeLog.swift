package import Events

/// All records of a log, once, for one who has it to himself: nothing is waited for, and nothing
/// goes wrong.
package struct WholeLog: ClickSource {
  package private(set) var assignment: Set<Partition> = []
  package private(set) var arrived: Set<Partition> = []
  package let membership = Membership(group: "log", generation: 0, member: "reader")
  package let assignmentEpoch = 0
  private var rest: ArraySlice<Record>

  /// A log of records, those of each partition in their order.
  package init(_ records: [Record]) {
    rest = []
    append(records)
  }

  /// Lets more come, behind what is there.
  package mutating func append(_ records: [Record]) {
    if rest.isEmpty { rest = records[...] } else { rest += records }
    for record in records where assignment.insert(record.position.home).inserted {
      arrived.insert(record.position.home)
    }
  }

  package mutating func poll(max: Int, firstWaitMs: Int, lingerMs: Int) -> [Record] {
    defer { rest = rest.dropFirst(max) }
    return Array(rest.prefix(max))
  }

  package func extents(of partitions: Set<Partition>) -> [Partition: Extent] { [:] }
  package mutating func admit(_ starts: [Partition: Int64?]) { arrived = [] }
  package func holdBack(_ partitions: Set<Partition>) {}
  package func stayAlive(ms: Int) {}
  package func rewind(to first: [Position]) {}
  package func commit(next: [Position]) {}
}

/// Keeps what is published until somebody takes it.
package struct Collected: MessageSink {
  package let isTransactional = false
  package private(set) var messages: [Message] = []

  package init() {}

  /// What came since the last call.
  package mutating func take() -> [Message] {
    defer { messages = [] }
    return messages
  }

  package mutating func send(_ message: Message) { messages.append(message) }
  package func commit(next: [Position], from source: inout some ClickSource) {}
  package func abandon() {}
}

extension Pipeline where Source == WholeLog, Sink == Collected {
  /// Carries the whole log through.
  ///
  /// `body` is told of each record, in the order of the log: what it turned out to be, and the
  /// message it led to, if it led to one.
  package mutating func runThrough(
    _ body: (Record, Event, Message?) -> Void
  ) throws(PipelineFailure) {
    while true {
      let turn = try turn()
      if turn.records.isEmpty { return }
      var messages = sink.take()[...]
      for (record, event) in zip(turn.records, turn.events) {
        switch event {
        case .ignored, .rebuilt: body(record, event, nil)
        case .click, .erase, .dead: body(record, event, messages.removeFirst())
        }
      }
    }
  }
}
