internal import Pipeline

/// A partition of an output topic.
struct OutputLog {
  enum Entry {
    case message(Message, producer: Int, isTransactional: Bool)
    /// Ends a producer's transaction; it takes an offset as a message does.
    case marker(producer: Int, isCommit: Bool)
  }

  private(set) var entries: [Entry] = []

  mutating func append(_ entry: Entry) { entries.append(entry) }

  /// Before it no transaction is open: readers of committed messages are shown nothing beyond.
  var lastStableOffset: Int {
    var opened: [Int: Int] = [:]
    for (offset, entry) in entries.enumerated() {
      switch entry {
      case .message(_, let producer, true):
        opened[producer] = opened[producer] ?? offset
      case .message: break
      case .marker(let producer, _): opened[producer] = nil
      }
    }
    return opened.values.min() ?? entries.count
  }

  /// What a reader of committed messages is shown.
  var committed: [Message] {
    var visible: [(offset: Int, message: Message)] = []
    var open: [Int: [(offset: Int, message: Message)]] = [:]
    let end = lastStableOffset
    for (offset, entry) in entries.enumerated() {
      switch entry {
      case .message(let message, let producer, true):
        open[producer, default: []].append((offset, message))
      case .message(let message, _, false): visible.append((offset, message))
      case .marker(let producer, let isCommit):
        let ended = open.removeValue(forKey: producer) ?? []
        if isCommit { visible += ended }
      }
    }
    // By offset, and not by when their transactions ended.
    return visible.filter { $0.offset < end }.sorted { $0.offset < $1.offset }.map(\.message)
  }
}
