/// Reads the JSON header of a safetensors file, and no other JSON.
///
/// A general decoder keeps one of two equal names without a word; a header that names a tensor
/// twice is damaged and must be refused.
struct SafetensorsHeader {
  private(set) var metadata: [String: String] = [:]
  private(set) var tensors: [String: Safetensors.Entry] = [:]
  private let bytes: ArraySlice<UInt8>
  private let file: String
  private var position: Int

  init(parsing bytes: ArraySlice<UInt8>, file: String) throws(NetworkFailure) {
    self.bytes = bytes
    self.file = file
    position = bytes.startIndex
    try object { (parser, name) throws(NetworkFailure) in
      if name == "__metadata__" {
        try parser.metadataObject()
      } else {
        try parser.tensor(name)
      }
    }
    skipSpace()
    if position < bytes.endIndex { throw unexpected("the end of the header") }
  }

  private mutating func metadataObject() throws(NetworkFailure) {
    if !metadata.isEmpty { throw failure("__metadata__", "one entry", "two") }
    try object { (parser, name) throws(NetworkFailure) in
      let value = try parser.string()
      guard parser.metadata.updateValue(value, forKey: name) == nil else {
        throw parser.failure("__metadata__.\(name)", "one entry", "two")
      }
    }
  }

  private mutating func tensor(_ name: String) throws(NetworkFailure) {
    var type: String?
    var dimensions: [Int]?
    var offsets: [Int]?
    try object { (parser, key) throws(NetworkFailure) in
      switch key {
      case "dtype" where type == nil: type = try parser.string()
      case "shape" where dimensions == nil: dimensions = try parser.numbers()
      case "data_offsets" where offsets == nil: offsets = try parser.numbers()
      default: throw parser.failure("tensor \(name)", "dtype, shape and data_offsets", key)
      }
    }
    guard let type, let dimensions, let offsets else {
      throw failure("tensor \(name)", "dtype, shape and data_offsets", "fewer")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw failure("tensor \(name).data_offsets", "a begin and an end", "\(offsets)")
    }
    let entry = Safetensors.Entry(
      type: type,
      dimensions: dimensions,
      bytes: offsets[0]..<offsets[1],
    )
    guard tensors.updateValue(entry, forKey: name) == nil else {
      throw failure("tensor \(name)", "one entry", "two")
    }
  }

  /// Reads `{"name": …, …}`, handing each name to `member`, which reads the value.
  private mutating func object(
    _ member: (inout Self, String) throws(NetworkFailure) -> Void
  ) throws(NetworkFailure) {
    try expect("{")
    if accept("}") { return }
    repeat {
      let name = try string()
      try expect(":")
      try member(&self, name)
    } while accept(",")
    try expect("}")
  }

  private mutating func numbers() throws(NetworkFailure) -> [Int] {
    try expect("[")
    var values: [Int] = []
    if accept("]") { return values }
    repeat { values.append(try number()) } while accept(",")
    try expect("]")
    return values
  }

  private mutating func number() throws(NetworkFailure) -> Int {
    skipSpace()
    let digits = bytes[position...].prefix { (48...57).contains($0) }
    guard !digits.isEmpty, digits.count <= 18 else { throw unexpected("a count") }
    position += digits.count
    return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
  }

  private mutating func string() throws(NetworkFailure) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while position < bytes.endIndex, bytes[position] != UInt8(ascii: "\"") {
      if bytes[position] == UInt8(ascii: "\\") {
        text.append(contentsOf: try escape())
      } else {
        text.append(bytes[position])
        position += 1
      }
    }
    try expect("\"")
    guard let string = String(validating: text, as: UTF8.self) else {
      throw failure("header", "UTF-8", "other bytes")
    }
    return string
  }

  /// The UTF-8 of the escape that begins here.
  private mutating func escape() throws(NetworkFailure) -> [UInt8] {
    position += 1
    guard position < bytes.endIndex else { throw unexpected("an escape") }
    let letter = bytes[position]
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"): break
    default: throw unexpected("an escape")
    }
    var units = [try hexadecimal()]
    if UTF16.isLeadSurrogate(units[0]), bytes[position...].starts(with: Array("\\u".utf8)) {
      position += 2
      units.append(try hexadecimal())
    }
    guard let text = String(validating: units, as: UTF16.self) else {
      throw unexpected("a whole character")
    }
    return Array(text.utf8)
  }

  private mutating func hexadecimal() throws(NetworkFailure) -> UInt16 {
    let digits = bytes[position...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw unexpected("four hexadecimal digits") }
    position += 4
    return unit
  }

  private mutating func skipSpace() {
    let space: Set<UInt8> = [9, 10, 13, 32]
    while position < bytes.endIndex, space.contains(bytes[position]) { position += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.endIndex, bytes[position] == UInt8(ascii: character) else {
      return false
    }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(NetworkFailure) {
    if !accept(character) { throw unexpected("'\(character)'") }
  }

  private func unexpected(_ expected: String) -> NetworkFailure {
    let found = String(decoding: bytes[position...].prefix(12), as: UTF8.self)
    return failure(
      "header byte \(position - bytes.startIndex)",
      expected,
      found.isEmpty ? "the end" : "'\(found)'",
    )
  }

  private func failure(_ field: String, _ expected: String, _ found: String) -> NetworkFailure {
    NetworkFailure(file, field: field, expected: expected, found: found)
  }
}
