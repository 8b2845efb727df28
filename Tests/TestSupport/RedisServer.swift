package import Foundation
import KafkaProxy
import Synchronization

/// A private `redis-server`, on a free port of 127.0.0.1 and a socket in a folder of its own.
///
/// The server ends, and the folder goes, as soon as this process is gone, however it went.
package final class RedisServer: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// One for the whole process, for tests that keep to keys of their own and do not disturb it.
  package static var shared: RedisServer {
    get throws { try sharedOrFailure.get() }
  }
  private static let sharedOrFailure = Result { try RedisServer() }

  package let port: Int
  package let folder: URL
  private let arguments: [String]
  private let child: Mutex<ChildProcess?>

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
    end(SIGKILL)
    try? FileManager.default.removeItem(at: folder)
  }

  /// Asks the server to stop, as an operator would.
  package func stop() { end(SIGTERM) }

  /// Ends the server at once: `kill -9`.
  package func kill() { end(SIGKILL) }

  /// Starts the server again on the same port and socket.
  ///
  /// - Parameters:
  ///   - more: Settings for this run only.
  ///   - isReady: Whether to wait until it accepts commands, and does not only load its data.
  /// - Throws: ``Failure`` when it does not come up.
  package func restart(_ more: [String] = [], isReady: Bool = true) throws {
    end(SIGKILL)
    let started = try Self.start(arguments + more, in: folder, port: port, isReady: isReady)
    child.withLock { $0 = started }
  }

  /// Keeps a copy of what it has written so far; it is one that is ``init(appendOnly:arguments:)``.
  package func remember() throws {
    // As a crash would leave it: files come and go while it writes its log anew.
    pause()
    defer { resume() }
    Thread.sleep(forTimeInterval: 0.01)
    try? FileManager.default.removeItem(at: remembered)
    try FileManager.default.copyItem(at: written, to: remembered)
  }

  /// Ends it at once, and takes back all it has written since ``remember()``.
  package func killAndForget() throws {
    end(SIGKILL)
    try FileManager.default.removeItem(at: written)
    try FileManager.default.moveItem(at: remembered, to: written)
  }

  /// Loses all it has ever written; it does not run.
  package func forgetAll() { try? FileManager.default.removeItem(at: written) }

  private var written: URL { folder.appending(path: "appendonlydir") }
  private var remembered: URL { folder.appending(path: "remembered") }

  /// Stops it in its tracks: it keeps its connections, and answers nothing.
  package func pause() { signal(SIGSTOP) }
  package func resume() { signal(SIGCONT) }

  private func signal(_ number: Int32) { child.withLock { $0?.signal(number) } }

  private func end(_ signal: Int32) {
    child.withLock { child in child.take()?.end(signal) }
  }
}

private struct PortTaken: Error, CustomStringConvertible {
  let description: String
}

extension RedisServer {
  private static func start(
    _ arguments: [String],
    in folder: URL,
    port: Int,
    isReady: Bool = true
  ) throws -> ChildProcess {
    let log = folder.appending(path: "redis.log")
    // What an earlier run said is no news of this one.
    try? FileManager.default.removeItem(at: log)
    let child = try ChildProcess(
      [try executable(), "--port", "\(port)"] + arguments,
      log: log.path,
      removing: folder.path
    )
    do {
      try awaitLine(isReady ? "Ready to accept connections" : "Server initialized", in: log)
    } catch {
      child.end(SIGKILL)
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

  private static func awaitLine(_ line: String, in log: URL) throws {
    var said = ""
    for _ in 0..<1_000 {
      said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      if said.contains(line) { return }
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
