import Foundation
import Glibc

/// Workers under faults from a seed, and a verdict on what they published.
guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
  FileHandle.standardError.write(Data((Options.usage + "\n").utf8))
  exit(EX_USAGE)
}

do {
  let run = try Run(options)
  let (report, isGood) = try run.run()
  print(report.text)
  if let path = options.report { try report.json().write(to: URL(filePath: path)) }
  print(isGood ? "GOOD" : "BAD: logs are in \(run.folder.path)")
  if isGood { try? FileManager.default.removeItem(at: run.folder) }
  exit(isGood ? EXIT_SUCCESS : EXIT_FAILURE)
} catch {
  say("\(error)")
  exit(EXIT_FAILURE)
}
