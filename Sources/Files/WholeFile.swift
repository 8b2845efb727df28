internal import Glibc

/// Files that are read and written at once.
package enum WholeFile {
  package static func read(_ path: String) throws(FileFailure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw .system(path, "open it") }
    defer { close(descriptor) }

    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(path, "read it")
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  /// Writes a file so that a reader, or a crash, sees the old one or the new one and nothing
  /// between.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(FileFailure) {
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw .system(path, "write beside it") }
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe write(
          descriptor,
          buffer.baseAddress?.advanced(by: written),
          buffer.count - written
        )
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 {
        let failure = FileFailure.system(path, "write it")
        close(descriptor)
        _ = unsafe unlink(temporary)
        throw failure
      }
      written += count
    }
    let stored = fsync(descriptor) == 0
    close(descriptor)
    if unsafe !stored || rename(temporary, path) != 0 {
      let failure = FileFailure.system(path, "store it")
      _ = unsafe unlink(temporary)
      throw failure
    }
  }
}
