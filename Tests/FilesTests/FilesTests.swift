import Files
import Foundation
import Testing

/// A folder of its own for each test, gone afterwards.
final class Scratch: Sendable {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: folder.appending(path: name))
    return path(name)
  }
}

@Suite("Files")
struct FilesTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  func lines(_ path: String) throws -> [String] {
    var reader = try LineReader(path: path)
    var lines: [String] = []
    while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
    return lines
  }

  @Test(
    "lines are told apart whatever ends them",
    arguments: [
      ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb", ["a", "b"]), ("\n\nx\n", ["", "", "x"]),
    ] as [(String, [String])]
  )
  func ends(text: String, expected: [String]) throws {
    #expect(try lines(scratch.write(Array(text.utf8), "text")) == expected)
  }

  @Test("lines longer than the buffer come whole")
  func long() throws {
    let long = String(repeating: "é", count: 400_000)
    let text = (0..<5).map { "\($0)\(long)" }
    let path = try scratch.write(Array(text.joined(separator: "\n").utf8), "long")
    #expect(try lines(path) == text)
  }

  // printf 'one\ntwo\n' | gzip -n | base64
  static let gzip = "H4sIAAAAAAAAA8vPS+UqKc/nAgDmC7oSCAAAAA=="

  @Test("gzip is read like plain text")
  func compressed() throws {
    let bytes = try #require(Data(base64Encoded: Self.gzip))
    #expect(try lines(scratch.write([UInt8](bytes), "a.gz")) == ["one", "two"])
  }

  @Test("gzip that is cut short or damaged is an error that names the file", arguments: [0, 1])
  func damaged(kind: Int) throws {
    var bytes = [UInt8](try #require(Data(base64Encoded: Self.gzip)))
    if kind == 0 { bytes.removeLast(9) } else { bytes[bytes.count - 6] ^= 1 }
    let path = try scratch.write(bytes, "bad.gz")
    let failure = #expect(throws: FileFailure.self) { try lines(path) }
    #expect(failure?.path == path)
    #expect(failure?.reason.contains("gzip") == true)
  }

  @Test("a file that is not there is an error that says so")
  func missing() {
    let failure = #expect(throws: FileFailure.self) { try lines(scratch.path("none")) }
    #expect(failure?.reason == "cannot open it: No such file or directory")
    #expect(throws: FileFailure.self) { try WholeFile.read(scratch.path("none")) }
  }

  @Test("a folder is no file, and not mistaken for damaged gzip")
  func folder() {
    let path = scratch.folder.path
    let failure = #expect(throws: FileFailure.self) { try lines(path) }
    #expect(failure?.reason == "cannot read it: Is a directory")
    let whole = #expect(throws: FileFailure.self) { try WholeFile.read(path) }
    #expect(whole?.description == "\(path): cannot read it: Is a directory")
  }

  @Test("replacing a file leaves the new one whole and nothing beside it")
  func replace() throws {
    let path = try scratch.write([1], "whole")
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
    try WholeFile.replace(path, with: bytes)
    #expect(try WholeFile.read(path) == bytes)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder.path) == ["whole"])
    #expect(throws: FileFailure.self) {
      try WholeFile.replace(scratch.path("no/such/folder"), with: [])
    }
  }

  @Test(
    "a file is read whole, whatever size it says it has",
    arguments: [0, 1, 65_535, 65_536, 200_001]
  )
  func sizes(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
    #expect(try WholeFile.read(try scratch.write(bytes, "sized")) == bytes)
    let pipe = scratch.path("pipe")
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    let writer = Thread { try? Data(bytes).write(to: URL(filePath: pipe)) }
    writer.start()
    #expect(try WholeFile.read(pipe) == bytes)
  }

  @Test("a file is written piece by piece, in place of what it held")
  func pieces() throws {
    let path = try scratch.write([1, 2, 3, 4], "pieces")
    do {
      let file = try FileWriter(path: path)
      try file.write([5])
      try file.write([6, 7])
    }
    #expect(try WholeFile.read(path) == [5, 6, 7])
    let folder = #expect(throws: FileFailure.self) { _ = try FileWriter(path: scratch.path("")) }
    #expect(folder?.reason == "cannot write it: Is a directory")
  }

  @Test("a directory is made with those above it, or it is said why not")
  func directory() throws {
    let path = scratch.path("a/b")
    try WholeDirectory.make(path)
    try WholeDirectory.make(path)
    #expect(try WholeFile.read(try scratch.write([1], "a/b/file")) == [1])
    let below = #expect(throws: FileFailure.self) { try WholeDirectory.make(path + "/file/c") }
    #expect(below?.description == "\(path)/file/c: cannot make this directory: Not a directory")
    let file = #expect(throws: FileFailure.self) { try WholeDirectory.make(path + "/file") }
    #expect(file?.reason == "it is not a directory")
    #expect(throws: FileFailure.self) { try WholeDirectory.make("/proc/no/such") }
  }

  @Test("a directory that may not be written into is refused", .enabled(if: getuid() != 0))
  func locked() throws {
    let path = scratch.path("locked")
    try WholeDirectory.make(path)
    try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: path)
    let failure = #expect(throws: FileFailure.self) { try WholeDirectory.make(path) }
    #expect(failure?.reason == "cannot write into it: Permission denied")
  }

  @Test(
    "digests are those of FIPS 180",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ]
  )
  func digest(text: String, expected: String) { #expect(SHA256.hex(Array(text.utf8)) == expected) }
}
