internal import FoundationEssentials
internal import Glibc

/// Directories that are put in place at once.
package enum WholeDirectory {
  /// Writes these files into a directory at `path`, in place of what is there.
  ///
  /// A reader, or a crash, sees all of the old directory or all of the new one, and never neither.
  package static func replace(
    _ path: String,
    with contents: [String: [UInt8]]
  ) throws(FileFailure) {
    let target = URL(filePath: path)
    let parent = target.deletingLastPathComponent()
    let new = parent.appending(path: ".\(target.lastPathComponent).\(getpid()).tmp").path
    let files = FileManager.default
    try? files.removeItem(atPath: new)
    try make(new)
    // What is at `new` afterwards is what was at `path` before, or a half-written directory.
    defer { try? files.removeItem(atPath: new) }
    for (name, bytes) in contents.sorted(by: { $0.key < $1.key }) {
      try WholeFile.replace("\(new)/\(name)", with: bytes)
    }
    try store(directory: new)
    let moved =
      files.fileExists(atPath: path) ? exchange(new, path) : unsafe rename(new, path) == 0
    if !moved {
      throw .system(path, "put the new directory in its place")
    }
    try store(directory: parent.path)
  }

  /// Makes sure that there is a directory which can be written into; those above it are made too.
  package static func make(_ path: String) throws(FileFailure) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/\(part)"
      if unsafe mkdir(made, 0o777) == 0 || errno == EEXIST { continue }
      // Where nothing may be made, what is there already need not be.
      let failure = FileFailure.system(path, "make this directory")
      if !isDirectory(made) { throw failure }
    }
    if !isDirectory(path) { throw FileFailure(path: path, reason: "it is not a directory") }
    if unsafe access(path, W_OK | X_OK) != 0 { throw .system(path, "write into it") }
  }

  private static func isDirectory(_ path: String) -> Bool {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 { close(descriptor) }
    return descriptor >= 0
  }

  /// Swaps two paths in one step.
  ///
  /// `renameat2` is in every glibc since 2.28, but behind a macro that Swift's module does not set.
  private static func exchange(_ one: String, _ other: String) -> Bool {
    typealias Rename =
      @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
    guard let symbol = unsafe dlsym(nil, "renameat2") else {
      errno = ENOSYS
      return false
    }
    let renameExchange: UInt32 = 1 << 1
    let rename = unsafe unsafeBitCast(symbol, to: Rename.self)
    return unsafe rename(AT_FDCWD, one, AT_FDCWD, other, renameExchange) == 0
  }

  /// Makes a directory's list of names survive a crash.
  private static func store(directory: String) throws(FileFailure) {
    let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw .system(directory, "open it") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw .system(directory, "store it") }
  }
}
