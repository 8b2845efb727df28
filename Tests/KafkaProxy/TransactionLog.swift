/// What a partition's batches say of transactions.
///
/// The test broker marks in the log what was aborted and tells no reader of it: whoever counts what
/// a reader of committed messages would see has to look for himself.
package struct TransactionLog: Equatable, Sendable {
  /// Offsets of messages whose transaction was aborted, ascending.
  package private(set) var aborted: [ClosedRange<Int64>] = []
  /// Offsets of messages whose transaction has not ended.
  package var open: [ClosedRange<Int64>] { running.values.flatMap(\.self) }
  /// The offset after the last batch.
  package private(set) var end: Int64 = 0
  /// By producer, in the transaction that has not ended yet.
  private var running: [Int64: [ClosedRange<Int64>]] = [:]

  package init() {}

  package func isAborted(_ offset: Int64) -> Bool {
    var (low, high) = (0, aborted.count)
    while low < high {
      let middle = (low + high) / 2
      if aborted[middle].upperBound < offset { low = middle + 1 } else { high = middle }
    }
    return low < aborted.count && aborted[low].contains(offset)
  }
  package func isOpen(_ offset: Int64) -> Bool { open.contains { $0.contains(offset) } }

  /// Reads the rest of a partition from the only broker there is, on 127.0.0.1.
  package mutating func read(
    port: Int,
    topic: String,
    partition: Int32
  ) throws(ProxyFailure) {
    let connection = try FetchConnection(port: port)
    while true {
      let before = end
      let records = try connection.fetch(topic: topic, partition: partition, from: end)
      append(records)
      if end == before { break }
    }
    aborted.sort { $0.lowerBound < $1.lowerBound }
  }

  /// Takes in batches as a broker sends them; one that is cut off at the end is left out.
  mutating func append(_ records: [UInt8]) {
    let bytes = records.span
    var start = 0
    while start + 61 <= bytes.count {
      let size = 12 + integer(bytes, at: start + 8, count: 4)
      guard start + size <= bytes.count else { return }
      let first = Int64(integer(bytes, at: start, count: 8))
      let last = first + Int64(integer(bytes, at: start + 23, count: 4))
      // A fetch may begin with a batch that was read before.
      if last >= end { add(bytes, at: start, first...last) }
      start += size
    }
  }

  private mutating func add(
    _ bytes: Span<UInt8>,
    at start: Int,
    _ offsets: ClosedRange<Int64>
  ) {
    end = offsets.upperBound + 1
    let attributes = integer(bytes, at: start + 21, count: 2)
    let (isTransactional, isControl) = (attributes & 0x10 != 0, attributes & 0x20 != 0)
    if !isTransactional { return }
    let producer = Int64(integer(bytes, at: start + 43, count: 8))
    if !isControl {
      running[producer, default: []].append(offsets)
    } else {
      let ended = running.removeValue(forKey: producer) ?? []
      if !commits(bytes, at: start + 61) { aborted += ended }
    }
  }

  /// Whether the marker, the batch's only record, says commit: the second number of its key.
  private func commits(_ bytes: Span<UInt8>, at start: Int) -> Bool {
    var at = start
    // Length; attributes; timestamp and offset deltas; length of the key.
    func skip() { while at < bytes.count, bytes[at] >= 0x80 { at += 1 }; at += 1 }
    skip()
    at += 1
    for _ in 0..<3 { skip() }
    return integer(bytes, at: at + 2, count: 2) == 1
  }
}

/// Fetches raw batches, in a version that every broker knows.
private struct FetchConnection: ~Copyable {
  private static let version: UInt8 = 4
  private let socket: Int32

  init(port: Int) throws(ProxyFailure) { socket = try Socket.connect(port: port) }

  deinit { Socket.close(socket) }

  func fetch(
    topic: String,
    partition: Int32,
    from offset: Int64
  ) throws(ProxyFailure) -> [UInt8] {
    var request = Self.big(1, 2) + Self.big(Int(Self.version), 2) + Self.big(0, 4) + Self.big(0, 2)
    // Any replica; up to 100 ms for a byte, up to 16 MiB; uncommitted messages too.
    request += Self.big(-1, 4) + Self.big(100, 4) + Self.big(1, 4) + Self.big(16 << 20, 4) + [0]
    request += Self.big(1, 4) + Self.big(topic.utf8.count, 2) + Array(topic.utf8)
    request += Self.big(1, 4) + Self.big(Int(partition), 4) + Self.big(Int(offset), 8)
    request += Self.big(16 << 20, 4)
    let frame = Self.big(request.count, 4) + request
    guard unsafe frame.withUnsafeBytes({ unsafe Socket.write(socket, $0) }),
      let head = Socket.read(socket, count: 4),
      let answer = Socket.read(socket, count: integer(head.span, at: 0, count: 4))
    else { throw ProxyFailure(description: "the broker broke a fetch off") }
    return try records(in: answer, of: topic)
  }

  private func records(in answer: [UInt8], of topic: String) throws(ProxyFailure) -> [UInt8] {
    let bytes = answer.span
    // Correlation, throttling, a topic, its name; a partition, its number.
    let at = 4 + 4 + 4 + 2 + topic.utf8.count + 4 + 4
    let code = integer(bytes, at: at, count: 2)
    if code != 0 { throw ProxyFailure(description: "fetching \(topic): error \(code)") }
    // Two watermarks, and the aborted transactions, two numbers each.
    let count = Int(Int32(truncatingIfNeeded: integer(bytes, at: at + 18, count: 4)))
    let start = at + 22 + max(0, count) * 16
    let size = Int(Int32(truncatingIfNeeded: integer(bytes, at: start, count: 4)))
    return size <= 0 ? [] : Array(answer[(start + 4)...].prefix(size))
  }

  private static func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
