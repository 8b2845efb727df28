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

  enum Value: Equatable {
    case string(String)
    case integer(Int64)
    case fraction
    case bool, null, array, object

    var name: String {
      switch self {
      case .string: "a string"
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

  /// Reads the fields of the object that the text is; `nil` when it is something else.
  mutating func fields(
    _ body: (_ name: String, _ value: Value) -> Void
  ) throws(Malformed) -> Bool {
    skipSpace()
    let isObject = peek == UInt8(ascii: "{")
    if isObject { try object(depth: 1, body) } else { _ = try value(depth: 1) }
    skipSpace()
    if index < bytes.count { throw malformed("the end") }
    return isObject
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
    _ body: (_ name: String, _ value: Value) -> Void
  ) throws(Malformed) {
    index += 1
    skipSpace()
    if accept(UInt8(ascii: "}")) { return }
    repeat {
      skipSpace()
      let name = try string()
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
    case UInt8(ascii: "\""): return .string(try string())
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

  private mutating func word(_ text: StaticString, _ value: Value) throws(Malformed) -> Value {
    let letters = Array(text.description.utf8)
    guard bytes[index...].starts(with: letters) else { throw malformed("a value") }
    index += letters.count
    return value
  }

  private mutating func digits() -> Int {
    let start = index
    while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { index += 1 }
    return index - start
  }

  private mutating func number() throws(Malformed) -> Value {
    let start = index
    _ = accept(UInt8(ascii: "-"))
    let first = peek
    let count = digits()
    if count == 0 { throw malformed("a value") }
    if first == UInt8(ascii: "0"), count > 1 { throw malformed("no leading zero") }
    var isInteger = true
    if accept(UInt8(ascii: ".")) {
      isInteger = false
      if digits() == 0 { throw malformed("a digit") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      index += 1
      if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
      if digits() == 0 { throw malformed("a digit") }
    }
    guard isInteger, let value = Int64(String(decoding: bytes[start..<index], as: UTF8.self))
    else { return .fraction }
    return .integer(value)
  }

  private mutating func string() throws(Malformed) -> String {
    if !accept(UInt8(ascii: "\"")) { throw malformed("a string") }
    let start = index
    while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      index += 1
    }
    if peek == UInt8(ascii: "\"") {
      defer { index += 1 }
      return String(decoding: bytes[start..<index], as: UTF8.self)
    }
    return try escapedString(bytes[start..<index])
  }

  private mutating func escapedString(_ plain: ArraySlice<UInt8>) throws(Malformed) -> String {
    var text = Array(plain)
    while let byte = peek {
      if byte < 0x20 { break }
      index += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
      if byte == UInt8(ascii: "\\") {
        text.append(contentsOf: try escape().utf8)
      } else {
        text.append(byte)
      }
    }
    throw malformed("the string's end")
  }

  private mutating func escape() throws(Malformed) -> String {
    guard let byte = peek else { throw malformed("an escape") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
      return String(Unicode.Scalar(byte))
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let high = try hex()
      if let scalar = Unicode.Scalar(high) { return String(scalar) }
      guard (0xD800...0xDBFF).contains(high), accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u"))
      else { throw malformed("the other half of a surrogate pair") }
      let low = try hex()
      let pair = 0x10000 + (high - 0xD800) << 10 + (low &- 0xDC00)
      guard (0xDC00...0xDFFF).contains(low), let scalar = Unicode.Scalar(pair) else {
        throw malformed("the other half of a surrogate pair")
      }
      return String(scalar)
    default:
      index -= 1
      throw malformed("an escape")
    }
  }

  private mutating func hex() throws(Malformed) -> UInt32 {
    let end = index + 4
    guard end <= bytes.count,
      bytes[index..<end].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt32(String(decoding: bytes[index..<end], as: UTF8.self), radix: 16)
    else { throw malformed("four hexadecimal digits") }
    index = end
    return value
  }
}
