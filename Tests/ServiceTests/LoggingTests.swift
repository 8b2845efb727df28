import Foundation
import Logging
import Synchronization
import Testing

@testable import Service

@Suite("Log lines")
struct LoggingTests {
  /// Keeps what is written to it.
  final class Page: Sendable {
    private let text = Mutex("")

    func add(_ more: String) { text.withLock { $0 += more } }
    var lines: [String] { text.withLock { $0.split(separator: "\n").map(String.init) } }
  }

  let page = Page()

  func logger(_ format: Configuration.Log.Format, level: Logger.Level = .info) -> Logger {
    let page = page
    let output = LogOutput(now: { Date(timeIntervalSince1970: 1.5) }) { page.add($0) }
    return Logger(label: "worker") {
      LogLines(label: $0, level: level, format: format, output: output)
    }
  }

  @Test("JSON: one object a line, secrets masked")
  func json() throws {
    var logger = logger(.json)
    logger[metadataKey: "worker"] = "w-1"
    logger.warning(
      "a \"line\"\nand more",
      metadata: [
        "redis.password": "hunter2", "count": "\(3)",
        "deep": ["list": ["a", "b"], "client_secret": ["hunter2"]],
      ]
    )
    #expect(
      page.lines == [
        #"{"ts":"1970-01-01T00:00:01.500Z","level":"warning","logger":"worker","#
          + #""message":"a \"line\"\nand more","metadata":{"count":"3","#
          + #""deep":{"client_secret":"••••","list":["a","b"]},"redis.password":"••••","#
          + #""worker":"w-1"}}"#
      ]
    )
    let object = try JSONSerialization.jsonObject(with: Data(page.lines[0].utf8))
    #expect((object as? [String: Any])?["message"] as? String == "a \"line\"\nand more")
  }

  @Test("text: one line an event, secrets masked")
  func text() {
    let logger = logger(.text)
    logger.error("first\nsecond", metadata: ["b": "2", "a": "1", "token": ["x": "hunter2"]])
    #expect(
      page.lines == [
        "1970-01-01T00:00:01.500Z ERROR worker: first\\nsecond a=1 b=2 token=••••"
      ]
    )
  }

  @Test("metadata of the event wins over the logger's, and the error is told")
  func metadata() {
    var logger = logger(.text)
    logger[metadataKey: "a"] = "1"
    #expect(logger[metadataKey: "a"] == "1")
    logger.info("m", error: HTTPFailure(reason: "no port"), metadata: ["a": "2"])
    #expect(page.lines.first?.hasSuffix("worker: m a=2 error=no port") == true)
  }

  @Test("what is below the level is not written")
  func level() {
    let logger = logger(.text, level: .warning)
    logger.info("no")
    logger.warning("yes")
    #expect(page.lines.count == 1)
  }

  @Test("lines of many threads stay whole")
  func whole() async {
    let logger = logger(.text)
    await withTaskGroup { group in
      for number in 0..<8 {
        group.addTask { for _ in 0..<200 { logger.info("from \(number)") } }
      }
    }
    #expect(page.lines.count == 1_600)
    #expect(page.lines.allSatisfy { $0.contains(#/^1970\S+ INFO worker: from \d$/#) })
  }
}
