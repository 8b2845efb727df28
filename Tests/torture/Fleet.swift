import Foundation
import Glibc
import KafkaProxy
import TestSupport

/// The workers, as processes that are killed, frozen and started again.
final class Fleet {
  private let program: String
  private let settings: [(key: String, value: String)]
  private let folder: URL
  private var workers: [Process?]
  private(set) var starts = 0

  /// Starts `count` workers; each keeps its name, and with it the name of its transactions.
  init(
    program: String,
    count: Int,
    settings: [(key: String, value: String)],
    folder: URL
  ) throws {
    self.program = program
    self.settings = settings
    self.folder = folder
    workers = Array(repeating: nil, count: count)
    for number in 0..<count { try start(number) }
  }

  deinit { for worker in workers.indices { signal(worker, SIGKILL) } }

  var count: Int { workers.count }

  func signal(_ number: Int, _ signal: Int32) {
    if let worker = workers[number], worker.isRunning {
      Glibc.kill(worker.processIdentifier, signal)
    }
  }

  func kill(_ number: Int) throws {
    signal(number, SIGKILL)
    workers[number]?.waitUntilExit()
    try start(number)
  }

  /// Asks a worker to end.
  ///
  /// - Returns: Its status, and how long it took.
  func terminate(_ number: Int) -> (status: Int32, seconds: Double) {
    let clock = ContinuousClock()
    let took = clock.measure {
      signal(number, SIGTERM)
      workers[number]?.waitUntilExit()
    }
    return (workers[number]?.terminationStatus ?? -1, took / .seconds(1))
  }

  /// Starts again who has ended by himself.
  ///
  /// - Returns: The statuses of those.
  func revive() throws -> [Int32] {
    var ended: [Int32] = []
    for (number, worker) in workers.enumerated() {
      guard let worker, !worker.isRunning else { continue }
      ended.append(worker.terminationStatus)
      try start(number)
    }
    return ended
  }

  func start(_ number: Int) throws {
    let process = Process()
    process.executableURL = URL(filePath: program)
    let own = settings + [("worker.name", "worker-\(number)")]
    process.arguments = ["worker"] + own.flatMap { ["--set", "\($0.key)=\($0.value)"] }
    process.standardInput = FileHandle.nullDevice
    let log = folder.appending(path: "worker-\(number).log")
    if !FileManager.default.fileExists(atPath: log.path) {
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    }
    let handle = try FileHandle(forWritingTo: log)
    try handle.seekToEnd()
    process.standardError = handle
    try RedisServer.withSignalsOpen { try process.run() }
    try handle.close()
    workers[number] = process
    starts += 1
  }
}
