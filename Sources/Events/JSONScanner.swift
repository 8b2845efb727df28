/// Reads one JSON text in a single pass, strictly by RFC 8259, keeping only what it is asked for.
///
/// The bytes are valid UTF-8 already. It does not build a tree: a click has five fields of interest
/// and any number of others, which are checked and passed over.
struct JSONScanner {
  struct Malformed: Error, Equatable {
    /// Counted from 0.
    let byte: Int
    let expected: String
  }

  /// A string's place between its quotes; ``JSONScanner/string(_:)`` makes it a string.
  struct Text {
    let range: Range<Int>
    let hasEscapes: Bool
  }

  enum Value {
    case text(Text)
    case integer(Int64)
    case fraction
    case bool, null, array, object

    var name: String {
      switch self {
      case .text: "a string"
      case .integer: "an integer"
      case .fraction: "a number that is not a 64-bit integer"
      case .bool: "true or false"
      case .null: "null"
      case .array: "an array"
      case .object: "an object"
      }
    }
  }

  static let maxDepth = 64

  private let bytes: [UInt8]
  private var index = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads the whole text and hands out the fields of the object that it is.
  ///
  /// - Returns: Whether it is an object and not some other value.
  mutating func fields(
    _ body: (_ name: Text, _ value: Value) -> Void
  ) throws(Malformed) -> Bool {
    skipSpace()
    let isObject = peek == UInt8(ascii: "{")
    if isObject { try object(depth: 1, body) } else { _ = try value(depth: 1) }
    skipSpace()
    if index < bytes.count { throw malformed("the end") }
    return isObject
  }

  /// The string at a place that this scanner gave.
  func string(_ text: Text) -> String {
    if !text.hasEscapes { return String(decoding: bytes[text.range], as: UTF8.self) }
    var reader = self
    reader.index = text.range.lowerBound
    var result = String.UnicodeScalarView()
    while reader.index < text.range.upperBound {
      let start = reader.index
      while reader.index < text.range.upperBound, bytes[reader.index] != UInt8(ascii: "\\") {
        reader.index += 1
      }
      result += String(decoding: bytes[start..<reader.index], as: UTF8.self).unicodeScalars
      // The first pass has checked every escape.
      if reader.accept(UInt8(ascii: "\\")), let scalar = try? reader.escape() {
        result.append(scalar)
      }
    }
    return String(result)
  }

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  private func malformed(_ expected: String) -> Malformed {
    Malformed(byte: index, expected: expected)
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      index += 1
    }
  }

  private mutating func accept(_ byte: UInt8) -> Bool {
    if peek != byte { return false }
    index += 1
    return true
  }

  private mutating func object(
    depth: Int,
    _ body: (_ name: Text, _ value: Value) -> Void
  ) throws(Malformed) {
    index += 1
    skipSpace()
    if accept(UInt8(ascii: "}")) { return }
    repeat {
      skipSpace()
      let name = try text()
      skipSpace()
      if !accept(UInt8(ascii: ":")) { throw malformed("a colon") }
      body(name, try value(depth: depth))
      skipSpace()
    } while accept(UInt8(ascii: ","))
    if !accept(UInt8(ascii: "}")) { throw malformed("a comma or the object's end") }
  }

  private mutating func array(depth: Int) throws(Malformed) {
    index += 1
    skipSpace()
    if accept(UInt8(ascii: "]")) { return }
    repeat {
      _ = try value(depth: depth)
      skipSpace()
    } while accept(UInt8(ascii: ","))
    if !accept(UInt8(ascii: "]")) { throw malformed("a comma or the array's end") }
  }

  private mutating func value(depth: Int) throws(Malformed) -> Value {
    skipSpace()
    switch peek {
    case UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "{"):
      if depth >= Self.maxDepth { throw malformed("at most \(Self.maxDepth) levels") }
      try object(depth: depth + 1) { _, _ in }
      return .object
    case UInt8(ascii: "["):
      if depth >= Self.maxDepth { throw malformed("at most \(Self.maxDepth) levels") }
      try array(depth: depth + 1)
      return .array
    case UInt8(ascii: "t"): return try word("true", .bool)
    case UInt8(ascii: "f"): return try word("false", .bool)
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ letters: String, _ value: Value) throws(Malformed) -> Value {
    guard bytes[index...].starts(with: letters.utf8) else { throw malformed("a value") }
    index += letters.utf8.count
    return value
  }

  private mutating func number() throws(Malformed) -> Value {
    let isNegative = accept(UInt8(ascii: "-"))
    let first = peek
    let (count, integer) = digits(isNegative: isNegative)
    if count == 0 { throw malformed("a value") }
    if first == UInt8(ascii: "0"), count > 1 { throw malformed("no leading zero") }
    var isInteger = true
    if accept(UInt8(ascii: ".")) {
      isInteger = false
      if digits().count == 0 { throw malformed("a digit") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      index += 1
      if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
      if digits().count == 0 { throw malformed("a digit") }
    }
    guard isInteger, let integer else { return .fraction }
    return .integer(integer)
  }

  /// Passes digits over; their value is `nil` when it does not fit.
  private mutating func digits(isNegative: Bool = false) -> (count: Int, value: Int64?) {
    let start = index
    var value: Int64? = 0
    while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
      let digit = Int64(byte - UInt8(ascii: "0"))
      if let sum = value {
        let (tens, tooMany) = sum.multipliedReportingOverflow(by: 10)
        let (next, tooMuch) = tens.addingReportingOverflow(isNegative ? -digit : digit)
        value = tooMany || tooMuch ? nil : next
      }
      index += 1
    }
    return (index - start, value)
  }

  private mutating func text() throws(Malformed) -> Text {
    if !accept(UInt8(ascii: "\"")) { throw malformed("a string") }
    let start = index
    var hasEscapes = false
    while let byte = peek, byte >= 0x20 {
      if byte == UInt8(ascii: "\"") {
        defer { index += 1 }
        return Text(range: start..<index, hasEscapes: hasEscapes)
      }
      index += 1
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        _ = try escape()
      }
    }
    throw malformed("the string's end")
  }

  /// Reads an escape behind its backslash.
  private mutating func escape() throws(Malformed) -> Unicode.Scalar {
    guard let byte = peek else { throw malformed("an escape") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let high = try hex()
      if let scalar = Unicode.Scalar(high) { return scalar }
      guard (0xD800...0xDBFF).contains(high), accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u"))
      else { throw malformed("the other half of a surrogate pair") }
      let low = try hex()
      guard (0xDC00...0xDFFF).contains(low),
        let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      else { throw malformed("the other half of a surrogate pair") }
      return scalar
    default:
      index -= 1
      throw malformed("an escape")
    }
  }

  private mutating func hex() throws(Malformed) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Unicode.Scalar(byte).hexDigit else {
        throw malformed("four hexadecimal digits")
      }
      value = value << 4 | digit
      index += 1
    }
    return value
  }
}

extension Unicode.Scalar {
  fileprivate var hexDigit: UInt32? {
    switch self {
    case "0"..."9": value - 0x30
    case "a"..."f": value - 0x61 + 10
    case "A"..."F": value - 0x41 + 10
    default: nil
    }
  }
}
