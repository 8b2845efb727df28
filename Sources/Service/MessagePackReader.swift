/// Reads what Redis' `cmsgpack` writes of numbers, booleans and strings, one value after the other.
///
/// Source: github.com/msgpack/msgpack/blob/master/spec.md.
struct MessagePackReader {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  /// Passes a value over; false if there is none that is whole and of these kinds.
  mutating func skip() -> Bool {
    guard let range = next() else { return false }
    place = range.upperBound
    return true
  }

  /// A string; `nil` if what comes is none, or not UTF-8.
  mutating func text() -> String? {
    guard place < bytes.count, Self.isText(bytes[place]), let range = next() else { return nil }
    place = range.upperBound
    return String(validating: bytes[range], as: UTF8.self)
  }

  private static func isText(_ kind: UInt8) -> Bool {
    (0xA0...0xBF).contains(kind) || (0xD9...0xDB).contains(kind)
  }

  /// Where the bytes of the next value lie, without what says its kind and length.
  private func next() -> Range<Int>? {
    if isAtEnd { return nil }
    let first = place + 1
    switch bytes[place] {
    case 0...0x7F, 0xE0...0xFF, 0xC0, 0xC2, 0xC3: return range(first, 0)
    case let kind where kind >> 5 == 0b101: return range(first, Int(kind & 31))
    // Of one, two, four and eight bytes.
    case let kind where (0xCC...0xD3).contains(kind): return range(first, 1 << Int(kind & 3))
    case 0xCA: return range(first, 4)
    case 0xCB: return range(first, 8)
    case let kind where Self.isText(kind):
      let width = 1 << Int(kind - 0xD9)
      guard let digits = range(first, width) else { return nil }
      return range(digits.upperBound, bytes[digits].reduce(0) { $0 << 8 | Int($1) })
    default: return nil
    }
  }

  private func range(_ first: Int, _ count: Int) -> Range<Int>? {
    first + count <= bytes.count ? first..<(first + count) : nil
  }
}
