import Testing

@testable import Service

@Suite("MessagePack")
struct MessagePackReaderTests {
  /// A value of each kind that Redis writes, as the specification has it.
  private static let values: [[UInt8]] = [
    [0x00], [0x7F], [0xE0], [0xFF], [0xC0], [0xC2], [0xC3], [0xCC, 200], [0xCD, 1, 2],
    [0xCE, 1, 2, 3, 4], [0xCF] + Array(repeating: 9, count: 8), [0xD0, 0x80], [0xD1, 0x80, 0],
    [0xD2, 0x80, 0, 0, 0], [0xD3] + Array(repeating: 0x80, count: 8), [0xCA, 1, 2, 3, 4],
    [0xCB] + Array(repeating: 1, count: 8), [0xA0], [0xA2, 0x68, 0x69],
    [0xD9, 2, 0x68, 0x69], [0xDA, 0, 2, 0x68, 0x69], [0xDB, 0, 0, 0, 2, 0x68, 0x69],
  ]

  @Test("each value is passed over to its end, and not if it is cut short", arguments: values)
  func skips(value: [UInt8]) {
    var reader = MessagePackReader(value + [0xA1, 0x78])
    let (skipped, text) = (reader.skip(), reader.text())
    #expect(skipped && text == "x" && reader.isAtEnd)
    #expect(!skips(value.dropLast()))
  }

  @Test("texts of every length are read")
  func texts() {
    for length in [0, 31, 32, 255, 256, 65_535, 65_536] {
      let text = String(repeating: "x", count: length)
      let head: [UInt8] =
        switch length {
        case ..<32: [0xA0 | UInt8(length)]
        case ..<256: [0xD9, UInt8(length)]
        case ..<65_536: [0xDA, UInt8(length >> 8), UInt8(length & 255)]
        default: [0xDB, 0, UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255)]
        }
      var reader = MessagePackReader(head + Array(text.utf8))
      let found = reader.text()
      #expect(found == text && reader.isAtEnd)
    }
  }

  @Test("what is no text is none, and no kind that Redis does not write is passed over")
  func refuses() {
    for bytes in [[0x01], [0xC2], [0xCA, 0, 0, 0, 0], [0xA1, 0xFF], []] as [[UInt8]] {
      var reader = MessagePackReader(bytes)
      let text = reader.text()
      #expect(text == nil)
    }
    for bytes in [[0x90], [0x80], [0xC4, 0], [0xDC, 0, 0], [0xD4, 0, 0]] as [[UInt8]] {
      #expect(!skips(bytes))
    }
  }

  private func skips(_ bytes: [UInt8]) -> Bool {
    var reader = MessagePackReader(bytes)
    return reader.skip()
  }
}
