package import Files

/// Clicks, histories or ready examples in a file, as data sets come.
///
/// TSV and CSV (gzip too) are read by the names in their first line:
///
/// | columns | a line is |
/// |---|---|
/// | `user` or `session`, `item`; `time`, `split`, `event_type` optional | a click |
/// | `items` (ids, oldest first, spaces between); `user`/`session`, `split` optional | a history |
/// | `seq`, `len_seq`, `next` | an example as DreamRec publishes them; `len_seq` cuts the padding |
///
/// A first line that begins with `{` makes it NDJSON clicks. `user_id`, `session_id`, `item_id` and
/// `timestamp` are understood too. A time below 10¹¹ is in seconds, with a fraction or without;
/// anything above is in milliseconds.
package enum ClickFile {
  /// Reads a file from its first line to its last, calling `body` with what each line holds.
  package static func forEach(
    _ path: String,
    _ body: (Entry) throws(FileFailure) -> Void
  ) throws(FileFailure) {
    var reader = try Reader(path: path)
    while let row = try reader.next() { try body(row.entry.get()) }
  }

  /// Reads a whole file.
  package static func read(_ path: String) throws(FileFailure) -> Content {
    var content = Content()
    try forEach(path) { entry throws(FileFailure) in
      switch entry {
      case .click(let click): content.clicks.append(click)
      case .history(let history): content.histories.append(history)
      case .example(let example): content.examples.append(example)
      }
    }
    content.gather()
    return content
  }

  /// What one line holds.
  package enum Entry: Equatable, Sendable {
    case click(FileClick)
    case history(History)
    case example(Example)
  }

  /// What a whole file holds: histories, or ready examples.
  package struct Content: Equatable, Sendable {
    fileprivate var clicks: [FileClick] = []
    package internal(set) var histories: [History] = []
    package internal(set) var examples: [Example] = []

    /// Gathers the clicks by user, in the order of their times, and of the file where these are
    /// equal.
    fileprivate mutating func gather() {
      var places: [String: Int] = [:]
      var members: [[Int]] = []
      for (index, click) in clicks.enumerated() {
        let place = places[click.user] ?? members.count
        if place == members.count {
          places[click.user] = place
          members.append([])
        }
        members[place].append(index)
      }
      for indices in members {
        let ordered = indices.sorted {
          (clicks[$0].timestampMs ?? 0, $0) < (clicks[$1].timestampMs ?? 0, $1)
        }
        histories.append(History(ordered.map { clicks[$0] }))
      }
      clicks = []
    }
  }
}

extension ClickFile {
  /// A line, and what it holds.
  package struct Row: Sendable {
    package let entry: Result<Entry, FileFailure>
    /// From 1.
    package let line: Int
    /// The line as it is, where it is an event in JSON; `nil` for tables.
    package let json: [UInt8]?
  }

  /// Reads a file row by row, however long it is.
  package struct Reader: ~Copyable {
    private let path: String
    private let form: Form
    private var lines: LineReader
    /// The first line, where it is a row and not a header.
    private var first: [UInt8]?

    package init(path: String) throws(FileFailure) {
      var lines = try LineReader(path: path)
      guard var first = try lines.next(), !first.isEmpty else {
        throw FileFailure(path: path, line: 1, reason: "the file is empty; it wants a header line")
      }
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]  // spreadsheets write it
      if first.starts(with: mark) { first.removeFirst(mark.count) }
      let form = try Form(header: first, path: path)
      if case .json = form { self.first = first }
      self.path = path
      self.form = form
      self.lines = lines
    }

    /// Which part of the file's bytes has been read, 0 to 1; of a pipe nothing is known, so 0.
    package var share: Double { lines.share }

    /// The next row, or `nil` after the last.
    package mutating func next() throws(FileFailure) -> Row? {
      var next = first
      first = nil
      if next == nil { next = try lines.next() }
      while next?.isEmpty == true { next = try lines.next() }
      guard let line = next else { return nil }
      let entry: Result<Entry, FileFailure>
      do throws(FileFailure) {
        entry = .success(try form.entry(line, line: lines.line, path: path))
      } catch {
        entry = .failure(error)
      }
      var json: [UInt8]?
      if case .json = form { json = line }
      return Row(entry: entry, line: lines.line, json: json)
    }
  }
}

/// One click as a file tells it.
package struct FileClick: Equatable, Sendable {
  package var user: String
  package var item: String
  /// Milliseconds since the Unix epoch; `nil` when the file has no times.
  package var timestampMs: Int64?
  /// Which part of a split it belongs to, such as `train`.
  package var part: String?
  package var type: String?

  package init(
    user: String,
    item: String,
    timestampMs: Int64? = nil,
    part: String? = nil,
    type: String? = nil
  ) {
    self.user = user
    self.item = item
    self.timestampMs = timestampMs
    self.part = part
    self.type = type
  }
}

/// All clicks of one user or session, oldest first.
package struct History: Equatable, Sendable {
  package var user: String
  package var items: [String]
  /// The time of each click; empty when the file has none.
  package var timestampsMs: [Int64]
  /// The part of each click; empty when the file has none.
  package var parts: [String]

  package init(
    user: String,
    items: [String],
    timestampsMs: [Int64] = [],
    parts: [String] = []
  ) {
    self.user = user
    self.items = items
    self.timestampsMs = timestampsMs
    self.parts = parts
  }

  init(_ clicks: [FileClick]) {
    user = clicks[0].user
    items = clicks.map(\.item)
    let times = clicks.compactMap(\.timestampMs)
    timestampsMs = times.count == items.count ? times : []
    let labels = clicks.compactMap(\.part)
    parts = labels.count == items.count ? labels : []
  }
}

/// A history and the item that followed it.
package struct Example: Equatable, Sendable {
  /// Item ids, oldest first; empty for the first click of a session.
  package var history: [String]
  package var next: String

  package init(history: [String], next: String) {
    self.history = history
    self.next = next
  }
}
