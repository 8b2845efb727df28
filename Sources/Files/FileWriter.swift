internal import Glibc

/// A file that is written from its beginning, piece by piece; for what is too large to be written
/// at once.
package struct FileWriter: ~Copyable {
  private let path: String
  private let descriptor: Int32

  /// Empties the file, or makes it; `nil` is standard output.
  package init(path: String?) throws(FileFailure) {
    self.path = path ?? "standard output"
    descriptor =
      if let path {
        unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      } else {
        dup(STDOUT_FILENO)
      }
    if descriptor < 0 { throw .system(self.path, "write it") }
  }

  deinit { close(descriptor) }

  package borrowing func write(_ bytes: [UInt8]) throws(FileFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      }
      if count < 0, errno != EINTR { throw .system(path, "write it") }
      rest = rest.dropFirst(max(0, count))
    }
  }
}
