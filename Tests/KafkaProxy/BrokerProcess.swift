import Foundation
import Glibc
import Synchronization

/// A real broker of our own, behind a ``Proxy``: everything in memory, on private ports.
package final class BrokerProcess: Sendable {
  private static let answersWithinMs = 20_000

  package let proxy: Proxy
  /// What clients set as `bootstrap.servers`.
  package var address: String { proxy.address }
  private let command: [String]
  private let brokerPort: Int
  private let child: Mutex<ChildProcess?>

  /// Starts the broker, and returns when it answers.
  ///
  /// `binary` is found as ``findBinary()`` says unless it is given; port 0 picks a free one.
  package init(
    binary: String? = nil,
    host: String = "127.0.0.1",
    port: Int = 0
  ) throws(ProxyFailure) {
    let found: String
    if let binary { found = binary } else { found = try Self.findBinary() }
    let brokerPort = try Socket.freePort()
    let proxy = try Proxy(host: host, port: port)
    proxy.forward(toPort: brokerPort)
    self.proxy = proxy
    self.brokerPort = brokerPort
    command = [
      found, "broker", "--cluster-id", "t",
      "--listener-url", "tcp://127.0.0.1:\(brokerPort)",
      "--advertised-listener-url", "tcp://\(proxy.address)",
      "--storage-engine", "memory://tansu/",
    ]
    child = Mutex(nil)
    do throws(ProxyFailure) {
      try start()
    } catch {
      proxy.stop()
      throw error
    }
  }

  deinit { stop() }

  /// Starts it again on its old port after ``kill()``; it has forgotten everything.
  package func start() throws(ProxyFailure) {
    let process = try ChildProcess(command)
    child.withLock { $0 = process }
    let deadline = ContinuousClock.now + .milliseconds(Self.answersWithinMs)
    while !answers() {
      if process.hasExited || .now > deadline {
        child.withLock { $0 = nil }
        throw ProxyFailure(
          description: "the broker did not start; "
            + "to see why, run: \(command.joined(separator: " "))"
        )
      }
      sleep(ms: 20)
    }
  }

  /// Ends it as a power cut would.
  package func kill() {
    child.withLock { $0 = nil }
    proxy.cutAll()
  }

  /// Freezes the process: its connections stay open, and nobody answers.
  package func pause() { signal(SIGSTOP) }

  /// Wakes it from ``pause()``.
  package func resume() { signal(SIGCONT) }

  /// Ends the broker and the proxy.
  package func stop() {
    child.withLock { $0 = nil }
    proxy.stop()
  }

  /// Finds the broker: `DREAMSTREAM_BROKER`, or else what `deploy/broker` installs.
  package static func findBinary() throws(ProxyFailure) -> String {
    if let path = ProcessInfo.processInfo.environment["DREAMSTREAM_BROKER"] {
      if FileManager.default.isExecutableFile(atPath: path) { return path }
      throw ProxyFailure(description: "DREAMSTREAM_BROKER: \(path) cannot be executed")
    }
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let process = Process()
    let output = Pipe()
    process.executableURL = root.appending(path: "deploy/broker")
    process.arguments = ["--path"]
    process.standardOutput = output
    do { try process.run() } catch {
      throw ProxyFailure(description: "could not run deploy/broker: \(error)")
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let path = text.trimmingCharacters(in: .whitespacesAndNewlines)
    if process.terminationStatus == 0, !path.isEmpty { return path }
    throw ProxyFailure(
      description: "no test broker: run deploy/broker and see what it says, or set "
        + "DREAMSTREAM_BROKER to a tansu binary"
    )
  }

  private func signal(_ number: Int32) {
    child.withLock { $0 }?.signal(number)
  }

  /// Asks for ApiVersions (version 0), and waits a little for the first bytes of an answer.
  private func answers() -> Bool {
    guard let fd = try? Socket.connect(port: brokerPort) else { return false }
    defer { close(fd) }

    var patience = timeval(tv_sec: 1, tv_usec: 0)
    _ = unsafe setsockopt(
      fd,
      SOL_SOCKET,
      SO_RCVTIMEO,
      &patience,
      socklen_t(MemoryLayout<timeval>.size)
    )
    let request: [UInt8] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0, 0]
    guard unsafe request.withUnsafeBytes({ unsafe Socket.write(fd, $0) }) else { return false }
    var answer = [UInt8](repeating: 0, count: 8)
    return unsafe answer.withUnsafeMutableBytes { unsafe Socket.read(fd, into: $0) } > 0
  }
}
