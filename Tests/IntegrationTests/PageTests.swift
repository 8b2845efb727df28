import Evaluation
import Foundation
import Network
import TestSupport
import Testing

/// Debian's browser, where it is installed.
private enum Browser {
  static let path = "/usr/bin/chromium"
  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: path) }

  /// What a page is once the browser has read it, and a picture of it.
  static func open(_ page: URL, in folder: URL) throws -> (text: String, picture: Data) {
    func file(_ name: String) -> String { folder.appending(path: name).path }
    let options =
      "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --window-size=1100,4000 "
      + "--user-data-dir='\(file("profile"))'"
    let actions = [
      ("--dump-dom", file("dom")), ("--screenshot='\(file("page.png"))'", "/dev/null"),
    ]
    for (action, output) in actions {
      let command =
        "exec \(path) \(options) \(action) '\(page.absoluteString)' > '\(output)' 2> /dev/null"
      let opened = try run(["-c", command], of: URL(filePath: "/bin/sh"), seconds: 100)
      #expect(opened.code == 0)
    }
    return (
      try String(contentsOfFile: file("dom"), encoding: .utf8),
      try Data(contentsOf: folder.appending(path: "page.png"))
    )
  }
}

@Suite("Pages in a browser", .enabled(if: Browser.isThere, "chromium is not installed"))
struct PageTests {
  @Test("a browser finds the tables and plots of a replay, and asks nobody for anything")
  func opened() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: "model").path
    try ModelDirectory.write(TinyModel.make(), to: model)
    let rows = (0..<400).map { number in
      "u\(number * 7 % 23)\ti\(number * number % 50)\t\(number)"
    }
    let clicks = folder.appending(path: "clicks.tsv").path
    try Data(("user\titem\ttime\n" + rows.joined(separator: "\n")).utf8)
      .write(to: URL(filePath: clicks))
    func file(_ name: String) -> String { folder.appending(path: name).path }
    let replayed = try run([
      "replay", "--clicks", clicks, "--model", model, "--report", file("replay.html"), "--json",
      file("replay.json"),
    ])
    try #require(replayed.code == 0, "\(replayed.error)")
    let compared = try run([
      "report", "--compare", file("replay.json"), file("replay.json"), "--output",
      file("compared.html"),
    ])
    try #require(compared.code == 0, "\(compared.error)")
    let report = try StreamReport(json: Array(Data(contentsOf: URL(filePath: file("replay.json")))))

    for (name, runs) in [("replay.html", 1), ("compared.html", 2)] {
      let source = try String(contentsOfFile: file(name), encoding: .utf8)
      let (text, picture) = try Browser.open(URL(filePath: file(name)), in: folder)
      for tag in ["<h2", "<table", "<tr", "<td", "<svg", "<path", "<text"] {
        let found = text.ranges(of: tag).count
        // A browser leaves out, or doubles, what is nested wrongly.
        #expect(found == source.ranges(of: tag).count, "\(tag) of \(name)")
      }
      #expect(text.ranges(of: "<svg").count == 2 * runs && text.ranges(of: "<h2").count > 5 * runs)
      for row in report.rows { #expect(text.contains("\(row.name)<"), "\(row.name) in \(name)") }
      let hitRate = fixed(100 * (report.rows[0].metrics["hr_20"]?.mean ?? 0), 2)
      #expect(text.contains(hitRate))
      for elsewhere in ["src=", "href=", "@import", "url("] {
        #expect(!text.contains(elsewhere), "\(elsewhere) in \(name)")
      }
      // A picture of nothing is smaller by far.
      #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.count > 50_000)
    }
  }

  private func fixed(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }
}
