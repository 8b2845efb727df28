import Foundation
package import Logging
import Synchronization

/// Writes log events as lines, JSON or text.
package struct LogLines: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level
  package var metadataProvider: Logger.MetadataProvider?

  private let label: String
  private let format: Configuration.Log.Format
  private let output: LogOutput

  package init(
    label: String,
    level: Logger.Level,
    format: Configuration.Log.Format,
    output: LogOutput
  ) {
    self.label = label
    logLevel = level
    self.format = format
    self.output = output
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var merged = metadata
    merged.merge(metadataProvider?.get() ?? [:]) { $1 }
    merged.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error { merged["error"] = "\(error)" }
    let line = LogLine(
      date: output.now(),
      level: event.level,
      logger: label,
      message: event.message.description,
      metadata: merged,
    )
    output.write(format == .json ? line.json : line.text)
  }
}

/// Where lines go, each whole: no two threads write at once.
package final class LogOutput: Sendable {
  let now: @Sendable () -> Date
  private let sink: Mutex<@Sendable (String) -> Void>

  init(
    now: @escaping @Sendable () -> Date = { Date() },
    _ sink: @escaping @Sendable (String) -> Void
  ) {
    self.now = now
    self.sink = Mutex(sink)
  }

  /// Standard error; a line that cannot be written is lost, and the worker goes on.
  package static let standardError = LogOutput {
    try? FileHandle.standardError.write(contentsOf: Data($0.utf8))
  }

  func write(_ line: String) { sink.withLock { $0(line + "\n") } }
}

/// One event, ready to be written.
struct LogLine {
  let date: Date
  let level: Logger.Level
  let logger: String
  let message: String
  let metadata: Logger.Metadata

  private var time: String {
    Date.ISO8601FormatStyle(includingFractionalSeconds: true).format(date)
  }

  var json: String {
    var fields = [
      "\"ts\":\(time.jsonQuoted)", "\"level\":\"\(level.rawValue)\"",
      "\"logger\":\(logger.jsonQuoted)", "\"message\":\(message.jsonQuoted)",
    ]
    if !metadata.isEmpty { fields.append("\"metadata\":\(Self.json(.dictionary(metadata)))") }
    return "{\(fields.joined(separator: ","))}"
  }

  var text: String {
    let pairs = metadata.sorted { $0.key < $1.key }.map { key, value in
      " \(key)=\(Self.isSecret(key) ? Secret.mask : value.description)"
    }
    let line = "\(time) \(level.rawValue.uppercased()) \(logger): \(message)\(pairs.joined())"
    return line.replacing("\n", with: "\\n").replacing("\r", with: "\\r")
  }

  private static func json(_ value: Logger.MetadataValue) -> String {
    switch value {
    case .string(let text): text.jsonQuoted
    case .stringConvertible(let value): value.description.jsonQuoted
    case .array(let values): "[\(values.map(json).joined(separator: ","))]"
    case .dictionary(let fields):
      "{"
        + fields.sorted { $0.key < $1.key }.map { key, value in
          "\(key.jsonQuoted):" + (isSecret(key) ? Secret.mask.jsonQuoted : json(value))
        }.joined(separator: ",") + "}"
    }
  }

  /// A field named like a secret is not shown, whoever logs it.
  private static func isSecret(_ key: String) -> Bool { Secret.isNamed(byProperty: key) }
}

extension String {
  /// The text as a JSON string, quotes included.
  var jsonQuoted: String {
    var quoted = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case "\u{0}"..<"\u{20}":
        let code = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - code.count) + code
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
