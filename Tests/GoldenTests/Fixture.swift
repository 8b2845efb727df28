import Foundation

/// The tensors of one `.safetensors` file of golden numbers.
///
/// The bundled files are read, or those of the same names in the directory that the environment
/// variable `DREAMSTREAM_FIXTURES` names: other numbers, other sizes. So tests read shapes from
/// here.
struct Fixture {
  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let offsets: [Int]
    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }
  enum Failure: Error {
    case missing(String)
    case malformed(String)
  }

  let name: String
  /// The file's free text: schedule, learning rate and the like.
  let metadata: [String: String]
  private let entries: [String: Entry]
  private let data: Data

  init(named name: String) throws {
    let folder: URL
    if let path = ProcessInfo.processInfo.environment["DREAMSTREAM_FIXTURES"] {
      folder = URL(filePath: path)
    } else {
      guard let url = Bundle.module.url(forResource: "Fixtures", withExtension: nil) else {
        throw Failure.missing("Fixtures")
      }
      folder = url
    }
    let file = try Data(contentsOf: folder.appending(path: name + ".safetensors"))
    guard file.count >= 8 else { throw Failure.malformed(name) }
    let size = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    guard file.count >= 8 + size else { throw Failure.malformed(name) }
    let header = file.subdata(in: 8..<(8 + size))
    let json = try JSONSerialization.jsonObject(with: header) as? [String: Any] ?? [:]
    metadata = json["__metadata__"] as? [String: String] ?? [:]
    let tensors = try JSONSerialization.data(
      withJSONObject: json.filter { $0.key != "__metadata__" }
    )
    entries = try JSONDecoder().decode([String: Entry].self, from: tensors)
    data = file.subdata(in: (8 + size)..<file.count)
    self.name = name
  }

  /// The tensors' names, sorted.
  var names: [String] { entries.keys.sorted() }

  func shape(_ name: String) throws -> [Int] { try entry(name).shape }

  /// A tensor's values, row-major.
  func floats(_ name: String) throws -> [Float] {
    try values(name, dtype: "F32") { (bits: UInt32) in Float(bitPattern: bits) }
  }

  /// A tensor of whole numbers, row-major.
  func ints(_ name: String) throws -> [Int] {
    try values(name, dtype: "I64") { (bits: Int64) in Int(bits) }
  }

  private func entry(_ name: String) throws -> Entry {
    guard let entry = entries[name] else { throw Failure.missing("\(self.name): \(name)") }
    return entry
  }

  private func values<Bits: FixedWidthInteger, Value>(
    _ name: String,
    dtype: String,
    _ value: (Bits) -> Value
  ) throws -> [Value] {
    let entry = try entry(name)
    let size = MemoryLayout<Bits>.size
    guard entry.dtype == dtype, entry.offsets.count == 2, entry.offsets[0] >= 0,
      entry.offsets[1] <= data.count,
      entry.offsets[1] - entry.offsets[0] == entry.shape.reduce(size, *)
    else { throw Failure.malformed("\(self.name): \(name)") }
    let bytes = [UInt8](data[entry.offsets[0]..<entry.offsets[1]])
    return stride(from: 0, to: bytes.count, by: size).map { start in
      var bits = Bits.zero
      for i in 0..<size { bits |= Bits(truncatingIfNeeded: bytes[start + i]) << (8 * i) }
      return value(bits)
    }
  }
}
