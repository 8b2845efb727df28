import Foundation
import Network
import TestSupport
import Testing

/// The program, run to its end or for some seconds.
private func run(
  _ arguments: [String],
  seconds: Double = 60
) throws -> (code: Int32, error: String) {
  let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
  let process = Process()
  process.executableURL = folder.appending(path: "dreamstream")
  process.arguments = arguments
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = FileHandle.nullDevice
  let error = Pipe()
  process.standardError = error
  try RedisServer.withSignalsOpen { try process.run() }
  DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { process.terminate() }
  let text = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  return (process.terminationStatus, text)
}

@Suite("Commands", .ownThread, .timeLimit(.minutes(2)))
struct CommandTests {
  /// A folder with clicks in it, gone after `body`.
  private func withClicks(_ text: String, _ body: (URL, String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let clicks = folder.appending(path: "clicks.tsv")
    try Data(text.utf8).write(to: clicks)
    try body(folder, clicks.path)
  }

  @Test("a part cannot be judged of a file without parts")
  func partWithoutSplit() throws {
    try withClicks("user\titem\nu\ti1\nu\ti2\nu\ti3\n") { folder, clicks in
      let model = folder.appending(path: "model").path
      try ModelDirectory.write(TinyModel.make(denoiser: .linear), to: model)
      let arguments = ["evaluate", "--model", model, "--clicks", clicks]
      let whole = try run(arguments)
      #expect(whole.code == 0, "\(whole.error)")
      let part = try run(arguments + ["--part", "test"])
      #expect(part.code != 0)
      #expect(part.error.contains("no column `split` to find the part test by"))
    }
  }
}
