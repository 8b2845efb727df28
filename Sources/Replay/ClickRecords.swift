internal import Evaluation
internal import Events
package import Files

/// The clicks of a file as records of a log, for a pipeline to read.
///
/// A row is the record at the offset of its line, in partition 0 of a topic of the file's name; one
/// of a sorted file is at the offset of the line where it then stands.
/// Histories are as many clicks, one after the other, without times; they are counted instead.
package final class ClickRecords: RecordSource {
  /// What becomes of rows that are out of order, or cannot be read.
  package struct Choices: Equatable, Sendable {
    package enum Disorder: String, CaseIterable, Sendable { case refuse, sort }
    package enum Bad: String, CaseIterable, Sendable { case refuse, skip }

    /// A time before that of the row above.
    package var disorder = Disorder.refuse
    package var bad = Bad.refuse

    package init() {}
  }

  /// Which part of the file has been read, 0 to 1.
  package var share: Double { sorted == nil ? reader.share : 1 }
  /// Rows that could not be read, and were left out.
  package private(set) var skipped = 0
  /// The first of them.
  package private(set) var firstSkipped: [FileFailure] = []

  private let path: String
  private let topic: String
  private let choices: Choices
  private var reader: ClickFile.Reader
  private var waiting: ArraySlice<ReplayedRecord> = []
  private var latestMs = Int64.min
  private var latestLine = 0
  private var offset: Int64 = 0
  /// The whole file in the order of its times, if it is to be sorted.
  private var sorted: ArraySlice<ReplayedRecord>?

  package init(path: String, choices: Choices = Choices()) throws(FileFailure) {
    self.path = path
    self.choices = choices
    topic = path.split(separator: "/").last.map(String.init) ?? path
    reader = try ClickFile.Reader(path: path)
  }

  /// The next click, or `nil` after the last.
  package func next() throws(FileFailure) -> ReplayedRecord? {
    if choices.disorder == .refuse { return try read() }
    if sorted == nil {
      var all: [ReplayedRecord] = []
      while let item = try read() { all.append(item) }
      let offsets = all.map(\.record.position.offset)
      // A log's offsets grow: what comes with a lower one is taken for a redelivery.
      sorted =
        zip(
          offsets,
          all.enumerated()
            .sorted { ($0.element.timeMs, $0.offset) < ($1.element.timeMs, $1.offset) }
        )
        .map { offset, place in place.element.moved(to: offset) }[...]
    }
    return sorted?.popFirst()
  }

  private func read() throws(FileFailure) -> ReplayedRecord? {
    while waiting.isEmpty {
      guard let row = try reader.next() else { return nil }
      do throws(FileFailure) {
        waiting = try items(of: row)[...]
      } catch {
        if choices.bad == .refuse {
          throw FileFailure(
            path: path,
            line: row.line,
            reason: "\(error.reason); --bad-rows skip leaves such rows out"
          )
        }
        skipped += 1
        if firstSkipped.count < 5 { firstSkipped.append(error) }
      }
    }
    return waiting.popFirst()
  }

  private func items(of row: ClickFile.Row) throws(FileFailure) -> [ReplayedRecord] {
    switch try row.entry.get() {
    case .click(let click):
      if let timestampMs = click.timestampMs, choices.disorder == .refuse {
        if timestampMs < latestMs {
          throw FileFailure(
            path: path,
            line: row.line,
            reason: "its time is \(latestMs - timestampMs) ms before that of line \(latestLine); "
              + "--unordered sort replays the whole file in the order of its times"
          )
        }
        if timestampMs > latestMs { (latestMs, latestLine) = (timestampMs, row.line) }
      }
      return [item(click, json: row.json, offset: Int64(row.line))]
    case .history(let history):
      return history.items.indices.map { index in
        offset += 1
        let part = history.parts.isEmpty ? nil : history.parts[index]
        return item(
          FileClick(user: history.user, item: history.items[index], part: part),
          json: nil,
          offset: offset
        )
      }
    case .example:
      throw FileFailure(
        path: path,
        line: row.line,
        reason: "it holds ready examples, which are no stream; replay clicks or histories"
      )
    }
  }

  private func item(_ click: FileClick, json: [UInt8]?, offset: Int64) -> ReplayedRecord {
    let value =
      json
      ?? ClickEncoder.encode(
        user: click.user,
        item: click.item,
        timestampMs: click.timestampMs,
        eventID: nil,
        type: click.type
      )
    return ReplayedRecord(
      record: Record(
        position: Position(topic: topic, partition: 0, offset: offset),
        key: Array(click.user.utf8),
        value: value,
        timestampMs: click.timestampMs ?? -1
      ),
      part: click.part,
      timestampMs: click.timestampMs
    )
  }
}

extension ReplayedRecord {
  /// Where it belongs by its time; clicks without one come first, as they are.
  fileprivate var timeMs: Int64 { timestampMs ?? .min }

  fileprivate func moved(to offset: Int64) -> ReplayedRecord {
    var moved = record
    moved.position.offset = offset
    return ReplayedRecord(record: moved, part: part, timestampMs: timestampMs)
  }
}
