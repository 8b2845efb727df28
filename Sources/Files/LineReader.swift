internal import CZlib
internal import Glibc

/// The lines of a text file, plain or gzip, one after the other.
///
/// Line ends are `\n` or `\r\n`; the last line may lack one. `-` is standard input.
@safe
package struct LineReader: ~Copyable {
  private static let chunkBytes = 1 << 18

  package let path: String
  /// The number of the line that ``next()`` gave last, from 1.
  package private(set) var line = 0
  private let file: gzFile
  /// Of the file as it is stored; 0 where that is not known.
  private let bytes: Int
  private var buffer: [UInt8] = []
  private var start = 0
  private var ended = false

  package init(path: String) throws(FileFailure) {
    // zlib passes plain files through unchanged, so one reader serves both.
    let opened = unsafe path == "-" ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rb")
    guard let opened = unsafe opened else { throw .system(path, "open it") }
    _ = unsafe gzbuffer(opened, UInt32(Self.chunkBytes))
    unsafe file = opened
    var status = stat()
    bytes = unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    self.path = path
  }

  deinit { _ = unsafe gzclose(file) }

  /// Which part of the file's bytes has been read, 0 to 1; of a pipe nothing is known, so 0.
  package var share: Double {
    bytes > 0 ? min(1, Double(unsafe gzoffset(file)) / Double(bytes)) : 0
  }

  /// The next line without its end, or `nil` after the last.
  package mutating func next() throws(FileFailure) -> [UInt8]? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = end + 1 }
        return take(upTo: end)
      }
      searched = buffer.count
      if ended {
        if start == buffer.count { return nil }
        defer { start = buffer.count }
        return take(upTo: buffer.count)
      }
      searched -= start
      try refill()
    }
  }

  private mutating func take(upTo end: Int) -> [UInt8] {
    line += 1
    let last = end > start && buffer[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
    return Array(buffer[start..<last])
  }

  private mutating func refill() throws(FileFailure) {
    buffer.removeFirst(start)
    start = 0
    let kept = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: Self.chunkBytes))
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe gzread(file, bytes.baseAddress?.advanced(by: kept), UInt32(Self.chunkBytes))
    }
    buffer.removeLast(Self.chunkBytes - max(0, Int(count)))
    if count < Self.chunkBytes {
      ended = true
      var code: Int32 = 0
      let text = unsafe gzerror(file, &code).map { unsafe String(cString: $0) } ?? ""
      if code == Z_ERRNO { throw .system(path, "read it") }
      if count < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR {
        throw FileFailure(
          path: path,
          line: line + 1,
          reason: "the gzip data is damaged or cut short (\(text)); fetch the file again"
        )
      }
    }
  }
}
