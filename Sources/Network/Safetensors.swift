internal import Kernels

/// A safetensors file: named tensors behind a JSON header, little-endian, row-major.
///
/// Layout: the header's length (UInt64), the header, spaces up to a multiple of 8, the values.
/// Source: github.com/huggingface/safetensors, whose rules for a sound file this reader keeps:
/// every byte of the values belongs to exactly one tensor, and no name occurs twice.
package struct Safetensors: Sendable {
  /// One tensor's line in the header.
  package struct Entry: Equatable, Sendable {
    /// The type of its values: `F32`, `I64` and so on.
    package let type: String
    package let dimensions: [Int]
    /// Where its values lie, counted from the end of the header.
    package let bytes: Range<Int>
  }

  /// The longest header read, in bytes: ours are under 16 kB.
  static let headerLimit = 16 << 20

  package let metadata: [String: String]
  package let entries: [String: Entry]
  private let file: String
  private let content: [UInt8]
  private let start: Int

  /// Checks the whole file, so that reading a tensor afterwards can fail by its name or type only.
  ///
  /// `file` is the name that failures give.
  package init(_ content: [UInt8], file: String) throws(NetworkFailure) {
    guard content.count >= 8 else {
      throw NetworkFailure(
        file,
        field: "size",
        expected: "at least 8 bytes",
        found: "\(content.count)"
      )
    }
    let length = content[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let room = min(content.count - 8, Self.headerLimit)
    guard length <= UInt64(room) else {
      throw NetworkFailure(
        file,
        field: "header length",
        expected: "at most \(room)",
        found: "\(length)"
      )
    }
    start = 8 + Int(length)
    let header = try SafetensorsHeader(parsing: content[8..<start], file: file)
    try Self.check(header.tensors, bytes: content.count - start, file: file)
    metadata = header.metadata
    entries = header.tensors
    self.file = file
    self.content = content
  }

  /// A tensor's 32-bit floats, row-major.
  package func floats(_ name: String) throws(NetworkFailure) -> [Float] {
    var values: [Float] = []
    try append(name, to: &values)
    return values
  }

  /// Appends a tensor's 32-bit floats, row-major.
  func append(_ name: String, to values: inout [Float]) throws(NetworkFailure) {
    guard let entry = entries[name] else {
      throw NetworkFailure(file, field: "tensor \(name)", expected: "present", found: "absent")
    }
    guard entry.type == "F32" else {
      throw NetworkFailure(file, field: "tensor \(name).dtype", expected: "F32", found: entry.type)
    }
    let range = (start + entry.bytes.lowerBound)..<(start + entry.bytes.upperBound)
    values.append(littleEndian: content.span.extracting(range))
  }

  /// The file's bytes for these tensors, in this order.
  ///
  /// Values are row-major, as many as the dimensions say.
  package static func encode(
    _ tensors: [(name: String, dimensions: [Int], values: ArraySlice<Float>)],
    metadata: [String: String]
  ) -> [UInt8] {
    let pairs = metadata.sorted { $0.key < $1.key }
      .map { "\(quoted($0.key)):\(quoted($0.value))" }
    var members = pairs.isEmpty ? [] : ["\"__metadata__\":{\(pairs.joined(separator: ","))}"]
    var offset = 0
    for (name, dimensions, values) in tensors {
      precondition(values.count == dimensions.reduce(1, *))
      let end = offset + 4 * values.count
      members.append(
        "\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(list(dimensions))],"
          + "\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: -header.count & 7))

    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + header.count + offset)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: header.count >> (8 * shift))) }
    bytes.append(contentsOf: header)
    for (_, _, values) in tensors { bytes.append(littleEndian: values.span) }
    return bytes
  }

  /// Refuses tensors that overlap, leave a gap, reach beyond the file or disagree with their shape.
  private static func check(
    _ entries: [String: Entry],
    bytes: Int,
    file: String
  ) throws(NetworkFailure) {
    let sizes = [
      "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
      "U16": 2, "I8": 1, "U8": 1, "BOOL": 1,
    ]
    var end = 0
    let inOrder = entries.sorted {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound, $0.key)
        < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound, $1.key)
    }
    for (name, entry) in inOrder {
      guard let size = sizes[entry.type] else {
        throw NetworkFailure(
          file,
          field: "tensor \(name).dtype",
          expected: "one of \(sizes.keys.sorted().joined(separator: ", "))",
          found: entry.type,
        )
      }
      let needed = entry.dimensions.reduce(Int?(size)) { product, dimension in
        guard let (value, overflow) = product?.multipliedReportingOverflow(by: dimension) else {
          return nil
        }
        return overflow ? nil : value
      }
      guard entry.bytes.lowerBound == end, entry.bytes.upperBound <= bytes,
        entry.bytes.count == needed
      else {
        throw NetworkFailure(
          file,
          field: "tensor \(name).data_offsets",
          expected: "from \(end), for shape [\(list(entry.dimensions))], within \(bytes) bytes",
          found: "\(entry.bytes.lowerBound)..<\(entry.bytes.upperBound)",
        )
      }
      end = entry.bytes.upperBound
    }
    guard end == bytes else {
      throw NetworkFailure(
        file,
        field: "size of the values",
        expected: "\(end) bytes",
        found: "\(bytes)"
      )
    }
  }

  private static func list(_ numbers: [Int]) -> String {
    numbers.map(String.init).joined(separator: ",")
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"", "\\": "\\\(scalar)"
      case "\u{0}"..<" ":
        "\\u00\(scalar.value < 16 ? "0" : "")\(String(scalar.value, radix: 16))"
      default: String(scalar)
      }
    }
    return "\"\(escaped.joined())\""
  }
}
