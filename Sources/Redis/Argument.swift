/// One argument of a command, any bytes.
package enum Argument: Equatable, Sendable, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral
{
  case text(String)
  case bytes([UInt8])
  case integer(Int64)

  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }

  /// What the server is sent.
  var bytes: [UInt8] {
    switch self {
    case .text(let text): Array(text.utf8)
    case .bytes(let bytes): bytes
    case .integer(let value): Array(String(value).utf8)
    }
  }

  /// Appends a command as RESP2: `*3\r\n$3\r\nSET\r\n…`.
  static func append(_ command: [Argument], to buffer: inout [UInt8]) {
    buffer.append(UInt8(ascii: "*"))
    appendLine(command.count, to: &buffer)
    for argument in command {
      switch argument {
      case .text(let text): append(bulk: text.utf8, to: &buffer)
      case .bytes(let bytes): append(bulk: bytes, to: &buffer)
      case .integer(let value): append(bulk: String(value).utf8, to: &buffer)
      }
    }
  }

  private static func append(bulk bytes: some Collection<UInt8>, to buffer: inout [UInt8]) {
    buffer.append(UInt8(ascii: "$"))
    appendLine(bytes.count, to: &buffer)
    buffer.append(contentsOf: bytes)
    buffer.append(UInt8(ascii: "\r"))
    buffer.append(UInt8(ascii: "\n"))
  }

  private static func appendLine(_ count: Int, to buffer: inout [UInt8]) {
    buffer.append(contentsOf: String(count).utf8)
    buffer.append(UInt8(ascii: "\r"))
    buffer.append(UInt8(ascii: "\n"))
  }
}
