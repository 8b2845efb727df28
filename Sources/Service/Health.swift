package import Events
internal import Synchronization

/// What the worker knows of its own state, and the verdicts on it.
///
/// The worker reports what happens, with the time; whoever asks brings the time too. Times are
/// milliseconds of one clock that only grows.
package final class Health: Sendable {
  /// What must be there before the worker can do its work.
  package enum Dependency: String, CaseIterable, Sendable { case model, kafka, redis }

  /// The answer to one question.
  package struct Check: Equatable, Sendable {
    package let name: String
    package let isOK: Bool
    package let detail: String
  }

  /// The answers together.
  package struct Report: Equatable, Sendable {
    package let checks: [Check]
    package var isOK: Bool { checks.allSatisfy(\.isOK) }
  }

  /// What became of a partition.
  package enum Change: Equatable, Sendable {
    case stuck(forMs: Int64)
    case movesAgain
  }

  private struct Progress {
    var next: Int64
    var lag: Int64
    /// When it last moved, or had nothing to do.
    var movedMs: Int64
    var isStuck = false
  }

  private struct State {
    var turnedMs: [Int: Int64]
    var dependencies: [Dependency: Check] = [:]
    var partitions: [Partition: Progress] = [:]
    var isStopping = false
  }

  private let state: Mutex<State>
  private let turnWithinMs: Int64
  private let progressWithinMs: Int64

  /// - Parameters:
  ///   - pipelines: How many turn; each is watched.
  ///   - nowMs: When watching begins.
  ///   - turnWithinMs: A pipeline that takes longer for a turn counts as hung; more than
  ///     `faults.fatal_after`, which a turn may wait out.
  ///   - progressWithinMs: A partition with lag that stands still for longer is an error.
  package init(
    pipelines: Int = 1,
    nowMs: Int64,
    turnWithinMs: Int64 = 120_000,
    progressWithinMs: Int64 = 30_000
  ) {
    let turned = Dictionary(uniqueKeysWithValues: (0..<pipelines).map { ($0, nowMs) })
    state = Mutex(State(turnedMs: turned))
    self.turnWithinMs = turnWithinMs
    self.progressWithinMs = progressWithinMs
  }

  /// A pipeline has come round, with or without a batch.
  package func turned(pipeline: Int = 0, nowMs: Int64) {
    state.withLock { $0.turnedMs[pipeline] = nowMs }
  }

  /// A dependency has come, gone, or changed.
  ///
  /// - Returns: Whether it has just failed, or has just left that state.
  @discardableResult
  package func set(_ dependency: Dependency, isOK: Bool, _ detail: String) -> Bool {
    let check = Check(name: dependency.rawValue, isOK: isOK, detail: detail)
    return state.withLock { state in
      let last = state.dependencies.updateValue(check, forKey: dependency)
      return (last?.isOK ?? true) != isOK
    }
  }

  /// A partition is processed up to `next`, and `lag` messages wait there.
  ///
  /// - Returns: Whether it has just become stuck, or has just left that state.
  @discardableResult
  package func progressed(
    _ partition: Partition,
    next: Int64,
    lag: Int64,
    nowMs: Int64
  ) -> Change? {
    state.withLock { state in
      let last = state.partitions[partition]
      let moved = last.map { $0.next != next || $0.lag <= 0 } ?? true
      let movedMs = moved || lag <= 0 ? nowMs : last?.movedMs ?? nowMs
      let idleMs = nowMs - movedMs
      let (wasStuck, isStuck) = (last?.isStuck ?? false, idleMs > progressWithinMs)
      state.partitions[partition] = Progress(
        next: next,
        lag: lag,
        movedMs: movedMs,
        isStuck: isStuck
      )
      if wasStuck == isStuck { return nil }
      return isStuck ? .stuck(forMs: idleMs) : .movesAgain
    }
  }

  /// A partition has gone to another worker.
  package func released(_ partition: Partition) {
    _ = state.withLock { $0.partitions.removeValue(forKey: partition) }
  }

  /// The worker takes no more work.
  package func stopping() { state.withLock { $0.isStopping = true } }

  /// How long the worst partition with lag has stood still, in milliseconds.
  package func longestIdleMs(nowMs: Int64) -> Int64 {
    state.withLock { state in
      state.partitions.values.filter { $0.lag > 0 }.map { nowMs - $0.movedMs }.max() ?? 0
    }
  }

  /// Whether the process should go on, or be started anew.
  package func live(nowMs: Int64) -> Report {
    let turned = state.withLock { $0.turnedMs }
    return Report(
      checks: turned.sorted { $0.key < $1.key }.map { pipeline, turnedMs in
        Check(
          name: "pipeline \(pipeline)",
          isOK: nowMs - turnedMs <= turnWithinMs,
          detail: "turned \(seconds(nowMs - turnedMs)) s ago",
        )
      }
    )
  }

  /// Whether the worker does its work: its dependencies are there and every partition moves.
  package func ready(nowMs: Int64) -> Report {
    let state = state.withLock { $0 }
    var checks = Dependency.allCases.map { dependency in
      state.dependencies[dependency]
        ?? Check(name: dependency.rawValue, isOK: false, detail: "not there yet")
    }
    if state.isStopping {
      checks.append(Check(name: "worker", isOK: false, detail: "stopping"))
    }
    let order = state.partitions.sorted {
      ($0.key.topic, $0.key.number) < ($1.key.topic, $1.key.number)
    }
    for (partition, progress) in order {
      let idleMs = progress.lag > 0 ? nowMs - progress.movedMs : 0
      let isStuck = idleMs > progressWithinMs
      checks.append(
        Check(
          name: "partition \(partition.topic)/\(partition.number)",
          isOK: !isStuck,
          detail: "next \(progress.next), lag \(progress.lag)"
            + (isStuck ? ", no progress for \(seconds(idleMs)) s" : ""),
        )
      )
    }
    return Report(checks: checks)
  }

  private func seconds(_ ms: Int64) -> String { "\(ms / 1_000)" }
}

extension Health.Report {
  /// The report as a JSON object.
  package var json: String {
    let checks = checks.map { check in
      "{\"name\":\(check.name.jsonQuoted),\"ok\":\(check.isOK),"
        + "\"detail\":\(check.detail.jsonQuoted)}"
    }
    return "{\"ok\":\(isOK),\"checks\":[\(checks.joined(separator: ","))]}\n"
  }
}
