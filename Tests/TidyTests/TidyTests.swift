import Foundation
import Testing

/// A source file of the package.
struct SourceFile: CustomTestStringConvertible, Sendable {
  let path: String
  let target: String
  let lines: [String]
  var testDescription: String { path }

  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func all(in folder: String) -> [SourceFile] {
    let base = root.appending(path: folder)
    let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
    let urls = (walker?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
    return urls.compactMap { url in
      guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
      let parts = url.pathComponents.dropFirst(base.pathComponents.count)
      return SourceFile(
        path: folder + "/" + parts.joined(separator: "/"),
        target: parts.first ?? "",
        lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init),
      )
    }
    .sorted { $0.path < $1.path }
  }

  static let sources = all(in: "Sources")
  static let everything = sources + all(in: "Tests")
}

/// Properties of the source itself.
@Suite("Tidy")
struct TidyTests {
  /// The layer of each target: it may import what lies lower, and nothing else of ours.
  static let layers: [String: Int] = [
    "CRdkafka": 0, "CHiredis": 0, "COpenBLAS": 0, "CVector": 0, "CZlib": 0, "CCrypto": 0,
    "CAllocations": 0,
    "Kafka": 1, "Redis": 1, "Kernels": 1, "Files": 1, "Events": 1,
    "Sessions": 2, "Diffusion": 2, "Matching": 2, "Autodiff": 2,
    "Network": 3, "Learning": 3, "Pipeline": 4, "Evaluation": 5, "Service": 5, "Simulation": 6,
    "Replay": 6, "Training": 6,
    "Experiments": 7, "Benchmarks": 7, "dreamstream": 8,
  ]
  /// Who may import a C target.
  static let fences: [String: String] = [
    "CRdkafka": "Kafka", "CHiredis": "Redis", "COpenBLAS": "Kernels", "CVector": "Kernels",
    "CZlib": "Files", "CCrypto": "Files", "CAllocations": "Benchmarks",
  ]
  static let mayBeUnsafe: Set = ["Kafka", "Redis", "Kernels", "Files"]
  /// Imports that the layers alone would allow.
  static let forbidden: [String: Set<String>] = [
    "Pipeline": ["Kafka", "Redis"],
    "Service": ["Training", "Evaluation", "Kernels"],
    "Simulation": ["Kafka", "Redis"],
    "Replay": ["Kafka", "Redis", "Service"],
    "Diffusion": ["Events", "Sessions"],
    "Matching": ["Events", "Sessions"],
    "Network": ["Events", "Sessions"],
    "Learning": ["Sessions", "Network", "Diffusion"],
    "Evaluation": ["Kafka", "Redis"],
    "Training": ["Kafka", "Redis", "Sessions"],
    "Experiments": ["Kafka", "Redis", "Sessions", "Service", "Events"],
  ]

  @Test("the tree is found")
  func found() {
    #expect(SourceFile.sources.count > 40)
    #expect(Set(SourceFile.sources.map(\.target)).isSubset(of: Set(Self.layers.keys)))
  }

  @Test("a target imports from lower layers only", arguments: SourceFile.sources)
  func layered(file: SourceFile) throws {
    let layer = try #require(Self.layers[file.target])
    for imported in file.lines.compactMap(importedModule) {
      guard let other = Self.layers[imported] else { continue }
      #expect(other < layer, "\(file.path) imports \(imported)")
      #expect(Self.forbidden[file.target]?.contains(imported) != true, "imports \(imported)")
      if let owner = Self.fences[imported] { #expect(owner == file.target) }
    }
  }

  @Test("unsafe code stays behind its fence", arguments: SourceFile.sources)
  func fenced(file: SourceFile) {
    if Self.mayBeUnsafe.contains(file.target) { return }
    #expect(
      !file.lines.contains { line in
        line.contains("unsafe") && line.contains(#/\bunsafe\b/#) && !line.contains("//")
      }
    )
  }

  @Test("files, lines and functions stay small", arguments: SourceFile.everything)
  func small(file: SourceFile) {
    #expect(file.lines.count <= 400)
    #expect(file.lines.allSatisfy { $0.utf8.count <= 100 || $0.count <= 100 })
    for (name, length) in functions(of: file) { #expect(length <= 70, "\(name)") }
  }

  @Test("nothing is left undone or public", arguments: SourceFile.sources)
  func finished(file: SourceFile) {
    let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
    #expect(!file.lines.contains { line in marks.contains { line.contains($0) } })
    #expect(!file.lines.contains { $0.contains("public ") && $0.contains(#/^\s*public /#) })
  }

  /// Regular expressions are slow, so only likely lines are given to one.
  private func importedModule(_ line: String) -> String? {
    guard line.contains("import ") else { return nil }
    return line.wholeMatch(of: #/(?:@\w+ )?(?:package |internal |private )?import (\w+)/#)
      .map { String($0.1) }
  }

  /// Functions and initialisers with their lengths: from the declaration to the brace that closes
  /// at its indentation.
  private func functions(of file: SourceFile) -> [(name: String, length: Int)] {
    var found: [(String, Int)] = []
    for (start, line) in file.lines.enumerated()
    where ["func ", "init", "deinit"].contains(where: line.contains)
      && line.contains(#/^\s*[a-z@() ]*\b(func \w+|init[?(]|deinit)/#)
    {
      let indentation = line.prefix { $0 == " " }
      let end = file.lines[start...].firstIndex { $0.hasPrefix(indentation + "}") }
      if let end, !line.hasSuffix("}") { found.append((line, end - start + 1)) }
    }
    return found
  }
}
