package import Events

/// A record of the past, and what is known of it beside its bytes.
package struct ReplayedRecord: Sendable {
  package let record: Record
  /// Which part of the data its click belongs to, where the file says.
  package let part: String?
  /// When it happened, where that is known.
  package let timestampMs: Int64?

  package init(record: Record, part: String?, timestampMs: Int64?) {
    self.record = record
    self.part = part
    self.timestampMs = timestampMs
  }
}

/// Where a replay's records come from, in the order in which they happened.
package protocol RecordSource: AnyObject {
  /// The next record, or `nil` after the last.
  func next() throws -> ReplayedRecord?

  /// Which part of it has been read, 0 to 1; 0 where that is not known.
  var share: Double { get }
}
