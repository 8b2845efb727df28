package import Matching

extension Lesson {
  /// The lesson without its position, for the log: oracle, previous and item.
  package var encoded: [UInt8] {
    var bytes = Bytes()
    bytes.append(oracle)
    bytes.append(previous)
    bytes.append(item)
    return bytes.all
  }

  /// Reads what ``encoded`` wrote; `nil` if it is anything else.
  package init?(encoded: [UInt8]) {
    var bytes = Bytes(encoded)
    guard let oracle = bytes.floats(), let previous = bytes.text(), let item = bytes.text(),
      bytes.isEmpty
    else { return nil }
    self.init(position: nil, oracle: oracle, previous: previous, item: item)
  }
}

extension LiveItems {
  /// Of the state and of what it is learned by: another form is another log.
  package static let form: Int64 = 3

  /// The whole state, to go on from elsewhere.
  package var encoded: [UInt8] {
    var bytes = Bytes()
    bytes.append(Self.form)
    bytes.append(Int64(lessons))
    bytes.append(Int64(items.count))
    for item in items {
      bytes.append(item.id)
      bytes.append(Int64(item.recent.bitPattern))
      bytes.append(item.isPlaced ? 1 : 0)
      bytes.append(Int64(item.successors.count))
      for successor in item.successors {
        bytes.append(Int64(successor.item) << 32 | Int64(successor.count))
      }
    }
    bytes.append(embeddings)
    bytes.append(Int64(targets.count))
    for target in targets { bytes.append(Int64(target)) }
    bytes.append(oracles)
    return bytes.all
  }

  /// Goes on from a state that ``encoded`` wrote; `nil` if it is anything else, or of another
  /// width.
  package init?(of catalogue: Catalogue, settings: Settings = Settings(), encoded: [UInt8]) {
    self.init(of: catalogue, settings: settings)
    var bytes = Bytes(encoded)
    guard bytes.number() == Self.form, let lessons = bytes.number(),
      (0...1 << 52).contains(lessons),
      let count = bytes.number(), (0...Int64(settings.limit)).contains(count)
    else { return nil }
    self.lessons = Int(lessons)
    for _ in 0..<count {
      guard let item = Self.item(&bytes, of: catalogue, Int32(count)) else { return nil }
      items.append(item)
    }
    guard Set(items.map { ItemID($0.id) }).count == items.count,
      let embeddings = bytes.floats(), embeddings.count == Int(count) * catalogue.width,
      embeddings.allSatisfy(\.isFinite),
      let chunk = bytes.number(), (0..<Int64(settings.chunk)).contains(chunk)
    else { return nil }
    self.embeddings = embeddings
    for _ in 0..<chunk {
      guard let target = bytes.number(), (0..<count).contains(target) else { return nil }
      targets.append(Int32(target))
    }
    guard let oracles = bytes.floats(), oracles.count == targets.count * catalogue.width,
      oracles.allSatisfy(\.isFinite), bytes.isEmpty
    else { return nil }
    self.oracles = oracles
    number()
  }

  private static func item(_ bytes: inout Bytes, of catalogue: Catalogue, _ count: Int32) -> Item? {
    guard let id = bytes.text(), let bits = bytes.number().flatMap(UInt32.init(exactly:)),
      case let recent = Float(bitPattern: bits), (0..<Float.infinity).contains(recent),
      let placed = bytes.number(),
      let successors = bytes.number(), (0...1_000).contains(successors)
    else { return nil }
    let known = catalogue.index(of: id)
    var item = Item(id: id, known: known, isPlaced: known != nil || placed == 1)
    item.recent = recent
    for _ in 0..<successors {
      guard let pair = bytes.number(), let place = Int32(exactly: pair >> 32),
        (0..<count).contains(place), let count = Int32(exactly: pair & 0xffff_ffff)
      else { return nil }
      item.successors.append(Successor(item: place, count: count))
    }
    return item
  }
}

/// Numbers and texts as bytes, little-endian, each list and text behind its length.
private struct Bytes {
  private(set) var all: [UInt8]
  private var next = 0

  init(_ all: [UInt8] = []) { self.all = all }

  var isEmpty: Bool { next == all.count }

  mutating func append(_ number: Int64) {
    for shift in stride(from: 0, to: 64, by: 8) {
      all.append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
    }
  }

  mutating func append(_ values: [Float]) {
    append(Int64(values.count))
    for value in values {
      for shift in stride(from: 0, to: 32, by: 8) {
        all.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(shift)))
      }
    }
  }

  mutating func append(_ text: String) {
    append(Int64(text.utf8.count))
    all += text.utf8
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    if count < 0 || count > all.count - next { return nil }
    defer { next += count }
    return all[next..<(next + count)]
  }

  mutating func number() -> Int64? {
    take(8)?.reversed().reduce(0) { $0 << 8 | Int64($1) }
  }

  mutating func floats() -> [Float]? {
    guard let count = number(), (0...Int64(all.count / 4)).contains(count),
      let bytes = take(4 * Int(count))
    else { return nil }
    return stride(from: bytes.startIndex, to: bytes.endIndex, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) })
    }
  }

  mutating func text() -> String? {
    guard let count = number(), let bytes = take(Int(clamping: count)) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
