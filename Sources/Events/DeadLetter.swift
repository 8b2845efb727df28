/// A message that could not be processed: its own bytes, and headers that say why.
package struct DeadLetter: Equatable, Sendable {
  package static let prefix = "dreamstream.error."
  /// The header that a letter has only when its topic has no room for the value.
  package static let omitted = prefix + "omitted"
  /// The header that it has only when there is no room for the key and the original headers either.
  package static let omittedKey = prefix + "omitted_key"

  package let key: [UInt8]?
  package let value: [UInt8]?
  /// The original headers, then ours.
  package let headers: [Header]
  package let reason: DecodingFailure.Reason

  /// Dead-letters what `decode` refused.
  package init(record: Record, failure: DecodingFailure, worker: String) {
    key = record.key
    value = record.value
    reason = failure.reason
    let why = [
      ("stage", "decode"), ("reason", failure.reason.rawValue), ("message", failure.message),
      ("topic", record.position.topic), ("partition", "\(record.position.partition)"),
      ("offset", "\(record.position.offset)"), ("timestamp", "\(record.timestampMs)"),
      ("worker", worker),
    ]
    headers = record.headers + why.map { Header(Self.prefix + $0, $1) }
  }
}
