import Foundation
package import Glibc

/// A program that does not outlive this process, however that ends.
///
/// A shell watches over it from the other end of a pipe: when the pipe closes, be it by
/// letting go of this or by this process's death, the shell kills the program.
///
/// It inherits no file of ours. (Foundation's `Process` learns of an end by a file that closes; a
/// program started at the same moment that had inherited it would hold that up.)
package final class ChildProcess: Sendable {
  private static let watch = """
    log=$1 folder=$2; shift 2
    "$@" </dev/null >"$log" 2>&1 &
    echo $!
    exec >&-
    read -r order
    kill -KILL $! 2>&-
    wait
    if [ -z "$order" ] && [ -n "$folder" ]; then rm -rf "$folder"; fi
    """

  package let pid: pid_t
  private let watcher: pid_t
  private let leash: Int32

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - command: The program's path and its arguments.
  ///   - log: The file that takes what it prints.
  ///   - folder: What is removed when it did not end by ``end(_:)``.
  /// - Throws: When it cannot be started.
  package init(
    _ command: [String],
    log: String = "/dev/null",
    removing folder: String = ""
  ) throws(ProxyFailure) {
    let (input, leash) = try Self.makePipe()
    let (output, report) = try Self.makePipe()
    let arguments = ["sh", "-c", Self.watch, "sh", log, folder] + command
    let watcher = Self.spawn(arguments, standardInput: input, standardOutput: report)
    close(input)
    close(report)
    let answer = Self.readAll(output)
    close(output)
    guard let watcher, let pid = pid_t(answer.prefix { $0.isNumber }) else {
      close(leash)
      throw ProxyFailure(description: "could not start \(command.joined(separator: " "))")
    }
    self.pid = pid
    self.watcher = watcher
    self.leash = leash
  }

  deinit {
    close(leash)
    _ = waitpid(watcher, nil, 0)
  }

  /// Whether the program ended by itself.
  package var hasExited: Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
      return true
    }
    return status.contains(") Z ")
  }

  package func signal(_ signal: Int32) { kill(pid, signal) }

  /// Sends a signal, and waits until the program has ended.
  package func end(_ signal: Int32) {
    self.signal(signal)
    self.signal(SIGCONT)
    while !hasExited { usleep(2_000) }
    _ = unsafe write(leash, "keep\n", 5)
  }

  private static func makePipe() throws(ProxyFailure) -> (read: Int32, write: Int32) {
    var ends: (Int32, Int32) = (0, 0)
    let code = unsafe withUnsafeMutableBytes(of: &ends) {
      unsafe pipe($0.baseAddress?.assumingMemoryBound(to: Int32.self))
    }
    if code != 0 { throw ProxyFailure(description: "could not make a pipe") }
    Socket.closeOnExec(ends.0)
    Socket.closeOnExec(ends.1)
    return ends
  }

  private static func spawn(
    _ arguments: [String],
    standardInput: Int32,
    standardOutput: Int32
  ) -> pid_t? {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, standardOutput, 1)
    for file: Int32 in 3..<4_096 { unsafe posix_spawn_file_actions_addclose(&actions, file) }

    // A group of its own: Ctrl-C is for us, and the pipe tells the rest. Signals blocked here are
    // none of its business.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK)
    )

    var strings = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { unsafe strings.forEach { unsafe free($0) } }
    var pid: pid_t = 0
    let code = unsafe posix_spawn(&pid, "/bin/sh", &actions, &attributes, &strings, environ)
    return code == 0 ? pid : nil
  }

  private static func readAll(_ fd: Int32) -> String {
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64)
    while true {
      let count = unsafe read(fd, &chunk, chunk.count)
      if count <= 0 { return String(decoding: text, as: UTF8.self) }
      text += chunk.prefix(count)
    }
  }
}
