import Testing

@testable import Network

/// A header and what is wrong with it.
struct HostileHeader: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let header: String
  var values = 8
  /// The field that the failure must name.
  let field: String

  static func tensor(
    _ name: String = "a",
    type: String = "F32",
    shape: String = "[2]",
    offsets: String
  ) -> String {
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  static let all = [
    HostileHeader(
      testDescription: "values shorter than the tensors",
      header: "{\(tensor(shape: "[3]", offsets: "[0,12]"))}",
      field: "tensor a.data_offsets",
    ),
    HostileHeader(
      testDescription: "values longer than the tensors",
      header: "{\(tensor(offsets: "[0,8]"))}",
      values: 12,
      field: "size of the values",
    ),
    HostileHeader(
      testDescription: "offsets the wrong way round",
      header: "{\(tensor(offsets: "[8,0]"))}",
      field: "tensor a.data_offsets",
    ),
    HostileHeader(
      testDescription: "one offset",
      header: "{\(tensor(offsets: "[8]"))}",
      field: "tensor a.data_offsets",
    ),
    HostileHeader(
      testDescription: "overlapping tensors",
      header: "{\(tensor(offsets: "[0,8]")),\(tensor("b", shape: "[1]", offsets: "[4,8]"))}",
      field: "tensor b.data_offsets",
    ),
    HostileHeader(
      testDescription: "a gap before a tensor",
      header: "{\(tensor(shape: "[1]", offsets: "[4,8]"))}",
      field: "tensor a.data_offsets",
    ),
    HostileHeader(
      testDescription: "a shape that disagrees with its offsets",
      header: "{\(tensor(shape: "[3]", offsets: "[0,8]"))}",
      field: "tensor a.data_offsets",
    ),
    HostileHeader(
      testDescription: "a shape that overflows",
      header: "{\(tensor(shape: "[999999999999,999999999999]", offsets: "[0,8]"))}",
      field: "tensor a.data_offsets",
    ),
    HostileHeader(
      testDescription: "a negative dimension",
      header: "{\(tensor(shape: "[-2]", offsets: "[0,8]"))}",
      field: "header byte 29",
    ),
    HostileHeader(
      testDescription: "an unknown type",
      header: "{\(tensor(type: "F31", offsets: "[0,8]"))}",
      field: "tensor a.dtype",
    ),
    HostileHeader(
      testDescription: "a tensor named twice",
      header: "{\(tensor(offsets: "[0,8]")),\(tensor(offsets: "[0,8]"))}",
      field: "tensor a",
    ),
    HostileHeader(
      testDescription: "a tensor without offsets",
      header: #"{"a":{"dtype":"F32","shape":[2]}}"#,
      field: "tensor a",
    ),
    HostileHeader(
      testDescription: "a field named twice",
      header: #"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
      field: "tensor a",
    ),
    HostileHeader(
      testDescription: "metadata that is no text",
      header: #"{"__metadata__":{"x":1},\#(tensor(offsets: "[0,8]"))}"#,
      field: "header byte 21",
    ),
    HostileHeader(testDescription: "no JSON", header: "hello", field: "header byte 0"),
    HostileHeader(testDescription: "nothing", header: "", field: "header byte 0"),
    HostileHeader(
      testDescription: "an unfinished name",
      header: #"{"a"#,
      field: "header byte 3",
    ),
    HostileHeader(
      testDescription: "half a character",
      header: #"{"\ud800":{}}"#,
      field: "header byte 8",
    ),
    HostileHeader(
      testDescription: "text after the header",
      header: "{\(tensor(offsets: "[0,8]"))} x",
      field: "header byte 55",
    ),
    HostileHeader(
      testDescription: "objects within objects",
      header: String(repeating: #"{"a":"#, count: 100_000),
      field: "tensor a",
    ),
  ]

  var bytes: [UInt8] {
    var bytes = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    bytes += Array(header.utf8)
    return bytes + [UInt8](repeating: 0, count: values)
  }
}

@Suite("Safetensors")
struct SafetensorsTests {
  @Test("what is written reads back, bit for bit")
  func roundTrip() throws {
    let values: [Float] = [1, -0.0, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -7.5]
    let metadata = ["epoch": "3", "na\"me\\": "tab\there\u{1}", "ключ": "значение"]
    let bytes = Safetensors.encode(
      [("b", [2, 2], values[..<4]), ("a", [2], values[4...]), ("none", [0, 3], [])],
      metadata: metadata,
    )
    let file = try Safetensors(bytes, file: "x")
    #expect(try file.floats("b").map(\.bitPattern) == values[..<4].map(\.bitPattern))
    #expect(try file.floats("a") == Array(values[4...]))
    #expect(try file.floats("none") == [])
    #expect(file.entries["b"]?.dimensions == [2, 2])
    #expect(file.metadata == metadata)
  }

  @Test("the values begin at a multiple of eight bytes", arguments: 1..<10)
  func alignment(length: Int) throws {
    let name = String(repeating: "n", count: length)
    let bytes = Safetensors.encode([(name, [1], [2])], metadata: [:])
    #expect((bytes.count - 4).isMultiple(of: 8))
    #expect(try Safetensors(bytes, file: "x").floats(name) == [2])
  }

  @Test("a file written elsewhere is read, spaces, escapes and all")
  func foreign() throws {
    let header =
      #" {"\u0061\n\ud83d\ude00" : {"shape":[ 1 ],"dtype":"F32", "data_offsets":[0,4]} } "#
    let file = HostileHeader(testDescription: "", header: header, values: 4, field: "")
    #expect(try Safetensors(file.bytes, file: "x").floats("a\n😀") == [0])
  }

  @Test("a damaged header is refused by the field that is wrong", arguments: HostileHeader.all)
  func hostile(_ hostile: HostileHeader) throws {
    let failure = #expect(throws: NetworkFailure.self) {
      try Safetensors(hostile.bytes, file: "model")
    }
    #expect(failure?.field == hostile.field)
    #expect(failure?.file == "model")
    #expect(failure?.remedy == .stop)
  }

  @Test("a file cut anywhere is refused")
  func truncated() {
    let bytes = Safetensors.encode([("a", [2], [1, 2])], metadata: ["k": "v"])
    for count in 0..<bytes.count {
      #expect(throws: NetworkFailure.self) { try Safetensors(Array(bytes[..<count]), file: "x") }
    }
  }

  @Test("a header longer than the file, or than any header, is refused")
  func long() {
    for length in [UInt64(9), 1 << 40, .max] {
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
      let failure = #expect(throws: NetworkFailure.self) {
        try Safetensors(bytes + [UInt8](repeating: 32, count: 8), file: "x")
      }
      #expect(failure?.field == "header length")
      #expect(failure?.found == "\(length)")
    }
  }

  @Test("an absent tensor and one of another type are refused by name")
  func typed() throws {
    let header = "{\(HostileHeader.tensor(type: "I64", shape: "[1]", offsets: "[0,8]"))}"
    let file = try Safetensors(
      HostileHeader(testDescription: "", header: header, field: "").bytes,
      file: "x",
    )
    #expect(throws: NetworkFailure("x", field: "tensor a.dtype", expected: "F32", found: "I64")) {
      try file.floats("a")
    }
    #expect(throws: NetworkFailure("x", field: "tensor b", expected: "present", found: "absent")) {
      try file.floats("b")
    }
  }
}
