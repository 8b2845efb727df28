internal import Events
internal import Files

/// How a file's lines are to be read, as its first line says.
enum Form {
  case json
  case click(Columns, user: Int, item: Int, time: Int?, part: Int?, type: Int?)
  case history(Columns, user: Int?, items: Int, part: Int?)
  case example(Columns, sequence: Int, length: Int, next: Int)

  init(header: [UInt8], path: String) throws(FileFailure) {
    if header.first == UInt8(ascii: "{") {
      self = .json
      return
    }
    let columns = Columns(header: header)
    let user = columns.index(of: ["user", "user_id", "session", "session_id"])
    let part = columns.index(of: ["split"])
    if let sequence = columns.index(of: ["seq"]), let length = columns.index(of: ["len_seq"]),
      let next = columns.index(of: ["next"])
    {
      self = .example(columns, sequence: sequence, length: length, next: next)
    } else if let items = columns.index(of: ["items"]) {
      self = .history(columns, user: user, items: items, part: part)
    } else if let item = columns.index(of: ["item", "item_id"]), let user {
      self = .click(
        columns,
        user: user,
        item: item,
        time: columns.index(of: ["time", "timestamp"]),
        part: part,
        type: columns.index(of: ["event_type"])
      )
    } else {
      let lacking = user == nil ? "`user` or `session`" : "`item`"
      let found = columns.names.joined(separator: ", ")
      throw FileFailure(
        path: path,
        line: 1,
        reason: """
          there is no column \(lacking) among \(found); it wants `user` or `session` with `item`, \
          or `items`, or `seq`, `len_seq` and `next`
          """
      )
    }
  }

  /// What a line holds; `line` counts from 1.
  func entry(
    _ bytes: [UInt8],
    line: Int,
    path: String
  ) throws(FileFailure) -> ClickFile.Entry {
    let place = Place(path: path, line: line)
    switch self {
    case .json: return try jsonClick(bytes, place)
    case .click(let columns, let user, let item, let time, let part, let type):
      let fields = try columns.fields(bytes, place)
      return .click(
        FileClick(
          user: try place.filled(fields[user], columns.names[user]),
          item: try place.filled(fields[item], columns.names[item]),
          timestampMs: try time.map { column throws(FileFailure) in
            try place.time(fields[column], columns.names[column])
          },
          part: part.map { fields[$0] },
          type: type.map { fields[$0] },
        )
      )
    case .history(let columns, let user, let items, let part):
      let fields = try columns.fields(bytes, place)
      let ids = fields[items].split(separator: " ").map(String.init)
      if ids.isEmpty { throw place.failure("`\(columns.names[items])` is empty; drop the line") }
      return .history(
        History(
          user: user.map { fields[$0] } ?? "line \(line)",
          items: ids,
          parts: part.map { Array(repeating: fields[$0], count: ids.count) } ?? [],
        )
      )
    case .example(let columns, let sequence, let length, let next):
      return .example(
        try example(columns.fields(bytes, place), place, sequence, length, next)
      )
    }
  }

  private func example(
    _ fields: [String],
    _ place: Place,
    _ sequence: Int,
    _ length: Int,
    _ next: Int
  ) throws(FileFailure) -> Example {
    let ids = fields[sequence].split(separator: " ").map(String.init)
    guard let count = Int(fields[length]), (0...ids.count).contains(count) else {
      throw place.failure(
        "`len_seq` is \(fields[length]); it wants a number from 0 to \(ids.count)"
      )
    }
    // An empty history is published as one padding id; the padding id fills every sequence's end.
    let isEmpty = count <= 1 && ids.count > 1 && ids.allSatisfy { $0 == ids[0] }
    return Example(
      history: isEmpty ? [] : Array(ids[..<count]),
      next: try place.filled(fields[next], "next")
    )
  }

  private func jsonClick(_ bytes: [UInt8], _ place: Place) throws(FileFailure) -> ClickFile.Entry {
    let record = Record(
      position: Position(topic: place.path, partition: 0, offset: Int64(place.line)),
      key: nil,
      value: bytes,
      timestampMs: -1
    )
    do throws(DecodingFailure) {
      guard case .click(let click) = try ClickDecoder.decode(record) else {
        throw DecodingFailure(.missingField, "the line is not a click")
      }
      return .click(
        FileClick(
          user: click.user,
          item: click.item,
          timestampMs: click.timestampMs < 0 ? nil : click.timestampMs,
          type: click.type
        )
      )
    } catch {
      throw place.failure(error.message)
    }
  }
}

/// A line of a file, for errors about it.
struct Place {
  let path: String
  let line: Int

  func failure(_ reason: String) -> FileFailure {
    FileFailure(path: path, line: line, reason: reason)
  }

  func filled(_ text: String, _ column: String) throws(FileFailure) -> String {
    if text.isEmpty { throw failure("`\(column)` is empty; fill it or drop the line") }
    return text
  }

  func time(_ text: String, _ column: String) throws(FileFailure) -> Int64 {
    guard let value = Double(text), value >= 0, value < 1e16,
      case let timestampMs = Int64((value < 1e11 ? value * 1_000 : value).rounded()),
      ClickDecoder.timestampsMs.contains(timestampMs)
    else { throw failure("`\(column)` is \(text); it wants seconds or milliseconds since 1970") }
    return timestampMs
  }
}

/// The columns of a TSV or CSV file.
struct Columns {
  let names: [String]
  private let separator: UInt8

  init(header: [UInt8]) {
    separator = header.contains(UInt8(ascii: "\t")) ? UInt8(ascii: "\t") : UInt8(ascii: ",")
    names = Self.split(header, separator) ?? []
  }

  func index(of candidates: [String]) -> Int? {
    for candidate in candidates {
      if let index = names.firstIndex(where: { $0.lowercased() == candidate }) { return index }
    }
    return nil
  }

  func fields(_ line: [UInt8], _ place: Place) throws(FileFailure) -> [String] {
    guard let fields = Self.split(line, separator) else {
      throw place.failure("a quoted field does not end, or the text is not UTF-8")
    }
    guard fields.count == names.count else {
      throw place.failure("\(fields.count) fields where the header names \(names.count)")
    }
    return fields
  }

  /// The fields of a line; in CSV a field may stand in quotes, with quotes doubled inside.
  private static func split(_ line: [UInt8], _ separator: UInt8) -> [String]? {
    let quote = UInt8(ascii: "\"")
    if separator == UInt8(ascii: "\t") || !line.contains(quote) {
      let fields = line.split(separator: separator, omittingEmptySubsequences: false)
        .map { String(validating: $0, as: UTF8.self) }
      return fields.contains(nil) ? nil : fields.compactMap { $0 }
    }
    var fields: [String] = []
    var field: [UInt8] = []
    var quoted = false
    var index = 0
    while index <= line.count {
      let byte = index < line.count ? line[index] : separator
      if quoted, index == line.count { return nil }
      if byte == quote {
        if quoted, index + 1 < line.count, line[index + 1] == quote {
          field.append(quote)
          index += 1
        } else {
          quoted.toggle()
        }
      } else if byte == separator, !quoted {
        guard let text = String(validating: field, as: UTF8.self) else { return nil }
        fields.append(text)
        field = []
      } else {
        field.append(byte)
      }
      index += 1
    }
    return fields
  }
}
