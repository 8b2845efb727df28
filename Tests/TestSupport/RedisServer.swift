package import Foundation
import Synchronization

/// A private `redis-server`, on a free port of 127.0.0.1 and a socket in a folder of its own.
///
/// A shell stands between: it ends the server, and removes the folder, as soon as this process is
/// gone, however it went.
package final class RedisServer: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private struct Child {
    var shell: Process
    var orders: Pipe
    var pid: pid_t
  }

  /// One for the whole process, for tests that keep to keys of their own and do not disturb it.
  package static var shared: RedisServer {
    get throws { try sharedOrFailure.get() }
  }
  private static let sharedOrFailure = Result { try RedisServer() }

  package let port: Int
  package let folder: URL
  private let arguments: [String]
  private let child: Mutex<Child?>

  package var socketPath: String { folder.appending(path: "redis.sock").path }

  /// Starts a server and waits until it accepts commands.
  ///
  /// - Parameters:
  ///   - appendOnly: Whether writes survive ``kill()``, in an append-only file synced on each
  ///     write.
  ///   - arguments: More settings, as on its command line: `["--requirepass", "secret"]`.
  /// - Throws: ``Failure`` when it is not installed, or does not come up.
  package init(appendOnly: Bool = false, arguments: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "redis-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let persistence = appendOnly ? ["yes", "--appendfsync", "always"] : ["no"]
    self.arguments =
      ["--save", "", "--bind", "127.0.0.1", "--dir", folder.path] + ["--appendonly"] + persistence
      + ["--unixsocket", folder.appending(path: "redis.sock").path] + arguments
    var failure: any Error = Failure(description: "no port for redis-server")
    // Below the ports the kernel hands out; two tests may still pick the same one.
    for _ in 0..<20 {
      let port = Int.random(in: 20_000..<32_000)
      do {
        child = Mutex(try Self.start(self.arguments, in: folder, port: port))
        self.port = port
        return
      } catch let error as PortTaken { failure = Failure(description: error.description) }
    }
    throw failure
  }

  deinit {
    end(how: "kill")
    try? FileManager.default.removeItem(at: folder)
  }

  /// Asks the server to stop, as an operator would.
  package func stop() { end(how: "stop") }

  /// Ends the server at once: `kill -9`.
  package func kill() { end(how: "kill") }

  /// Starts the server again on the same port and socket.
  package func restart() throws {
    end(how: "kill")
    let started = try Self.start(arguments, in: folder, port: port)
    child.withLock { $0 = started }
  }

  /// Stops it in its tracks: it keeps its connections, and answers nothing.
  package func pause() { signal(SIGSTOP) }
  package func resume() { signal(SIGCONT) }

  private func signal(_ number: Int32) {
    child.withLock { child in _ = child.map { Foundation.kill($0.pid, number) } }
  }

  private func end(how: String) {
    child.withLock { child in
      guard let ending = child.take() else { return }
      try? ending.orders.fileHandleForWriting.write(contentsOf: Data("\(how)\n".utf8))
      ending.shell.waitUntilExit()
    }
  }
}

private struct PortTaken: Error, CustomStringConvertible {
  let description: String
}

extension RedisServer {
  /// Runs the server as a child and waits for an order; none means that its owner is gone.
  private static let watch = """
    log=$1 dir=$2; shift 2
    "$@" >"$log" 2>&1 &
    pid=$!
    echo $pid
    read -r how
    if [ "$how" = stop ]; then kill -CONT $pid; kill -TERM $pid; else kill -KILL $pid; fi
    wait $pid 2>/dev/null
    if [ -z "$how" ]; then rm -rf "$dir"; fi
    """

  private static func start(_ arguments: [String], in folder: URL, port: Int) throws -> Child {
    let log = folder.appending(path: "redis.log")
    // What an earlier run said is no news of this one.
    try? FileManager.default.removeItem(at: log)
    let shell = Process()
    let orders = Pipe()
    let answers = Pipe()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments =
      ["-c", watch, "redis-server", log.path, folder.path, try executable(), "--port", "\(port)"]
      + arguments
    shell.standardInput = orders
    shell.standardOutput = answers
    try withSignalsOpen { try shell.run() }
    let line = String(decoding: answers.fileHandleForReading.availableData, as: UTF8.self)
    guard let pid = pid_t(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw Failure(description: "no process id of redis-server, but: \(line)")
    }
    let child = Child(shell: shell, orders: orders, pid: pid)
    do {
      try awaitReady(log)
    } catch {
      try? orders.fileHandleForWriting.write(contentsOf: Data("kill\n".utf8))
      shell.waitUntilExit()
      throw error
    }
    return child
  }

  /// A child inherits which signals its parent's thread holds back, and on a thread of a pool that
  /// is nearly all of them: it would neither stop when told to nor learn of its own children's
  /// end.
  package static func withSignalsOpen(_ body: () throws -> Void) rethrows {
    var (none, before) = (sigset_t(), sigset_t())
    unsafe sigemptyset(&none)
    unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    try body()
  }

  private static func awaitReady(_ log: URL) throws {
    var said = ""
    for _ in 0..<1_000 {
      said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      if said.contains("Ready to accept connections") { return }
      if said.contains("Address already in use") { throw PortTaken(description: said) }
      if said.contains("FATAL") || said.contains("Exiting") { break }
      Thread.sleep(forTimeInterval: 0.01)
    }
    throw Failure(description: "redis-server did not start:\n\(said)")
  }

  private static func executable() throws -> String {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    let found = folders.map { "\($0)/redis-server" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let found else {
      throw Failure(description: "redis-server is not installed (apt-get install redis-server)")
    }
    return found
  }
}
