internal import Glibc

/// Why a file could not be read or written: which, where in it, and what to do.
package struct FileFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package var path: String
  /// Counted from 1; `nil` when the failure is not about a line.
  package var line: Int?
  package var reason: String

  package init(path: String, line: Int? = nil, reason: String) {
    self.path = path
    self.line = line
    self.reason = reason
  }

  /// What the operating system said last.
  static func system(_ path: String, _ doing: String) -> FileFailure {
    FileFailure(path: path, reason: "cannot \(doing): \(unsafe String(cString: strerror(errno)))")
  }

  package var description: String {
    line.map { "\(path), line \($0): \(reason)" } ?? "\(path): \(reason)"
  }
}
