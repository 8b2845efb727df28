internal import Glibc

/// Files that are read and written at once.
package enum WholeFile {
  package static func read(_ path: String) throws(FileFailure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw .system(path, "open it") }
    defer { close(descriptor) }

    var status = stat()
    if unsafe fstat(descriptor, &status) != 0 { throw .system(path, "read it") }
    // What has no size, or grows meanwhile, is read on a piece at a time.
    var bytes: [UInt8] = []
    var size = max(1 << 16, Int(status.st_size) + 1)
    while true {
      let failed = read(descriptor, to: size, &bytes)
      if failed { throw .system(path, "read it") }
      if bytes.count < size { return bytes }
      size *= 2
    }
  }

  /// Reads until there are `size` bytes, or no more; says whether that failed.
  private static func read(_ descriptor: Int32, to size: Int, _ bytes: inout [UInt8]) -> Bool {
    var failed = false
    let old = bytes
    bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      _ = unsafe buffer.update(fromContentsOf: old)
      count = old.count
      while count < size {
        let more = unsafe Glibc.read(
          descriptor,
          buffer.baseAddress?.advanced(by: count),
          size - count
        )
        if more < 0, errno == EINTR { continue }
        failed = more < 0
        if more <= 0 { return }
        count += more
      }
    }
    return failed
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
