/// Which of a cluster's slots a key lives in.
package enum HashSlot {
  package static let count = 16_384

  /// The slot of a key: of what its first braces hold, if that is anything.
  package static func of(_ key: [UInt8]) -> Int {
    guard let open = key.firstIndex(of: UInt8(ascii: "{")),
      let close = key[open...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
    else { return hash(key) }
    return hash(key[(open + 1)..<close])
  }

  /// The slot of a text that is hashed whole.
  package static func hash(_ bytes: some Sequence<UInt8>) -> Int {
    var crc: UInt16 = 0
    for byte in bytes { crc = crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)] }
    return Int(crc) % count
  }

  /// CRC-16/XMODEM: polynomial 0x1021, most significant bit first.
  private static let table: [UInt16] = (0..<256).map { byte in
    (0..<8).reduce(UInt16(byte) << 8) { crc, _ in crc << 1 ^ (crc & 0x8000 == 0 ? 0 : 0x1021) }
  }
}
