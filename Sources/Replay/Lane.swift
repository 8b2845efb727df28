internal import Dispatch
package import Events
package import Learning
package import Pipeline
package import Sessions
internal import Synchronization

/// A record, what it turned out to be, and what it led to.
package struct Answer: Sendable {
  package let record: Record
  package let event: Event
  package let view: SessionView?
  package let suggestion: Suggestion?
  package let message: Message?
  /// What the click teaches, if anything.
  package let lesson: Lesson?
  /// How long its batch took, in nanoseconds.
  package let batchNs: UInt64
}

/// A pipeline for some of the users, with sessions of its own.
final class Lane: Sendable {
  private struct State {
    var pipeline: Pipeline<WholeLog, MemorySessions, Collected>
    var answers: [Answer] = []
    var failure: PipelineFailure?
  }

  private let state: Mutex<State>

  init(_ recommender: Recommender, _ options: PipelineOptions, _ limits: SessionLimits) {
    let clock = PipelineClock(
      // How late a suggestion was is of no meaning here.
      wallMs: { 0 },
      monotonicNs: { DispatchTime.now().uptimeNanoseconds }
    )
    state = Mutex(
      State(
        pipeline: Pipeline(
          source: WholeLog([]),
          store: MemorySessions(agingByEvents: limits),
          sink: Collected(),
          recommender: recommender,
          options: options,
          clock: clock
        )
      )
    )
  }

  /// Carries records through, in batches.
  func run(_ records: [Record]) {
    state.withLock { state in
      state.answers.removeAll(keepingCapacity: true)
      state.pipeline.source.append(records)
      do throws(PipelineFailure) {
        while true {
          let turn = try state.pipeline.turn()
          if turn.records.isEmpty { return }
          state.answers += turn.answers(state.pipeline.sink.take())
        }
      } catch {
        state.failure = error
      }
    }
  }

  /// Suggests by what was learned from now on.
  func follow(_ table: LiveTable) {
    state.withLock { $0.pipeline.recommender.follow(table) }
  }

  /// What the last run came to, in the order of its records.
  func take() throws(PipelineFailure) -> [Answer] {
    let (answers, failure) = state.withLock { state in
      defer { state.answers = [] }
      return (state.answers, state.failure)
    }
    if let failure { throw failure }
    return answers
  }
}

extension Turn {
  fileprivate func answers(_ messages: [Message]) -> [Answer] {
    let batchNs = nanoseconds.values.reduce(0, +)
    var (rest, lessons) = (messages[...], lessons[...])
    return records.indices.map { index in
      let message: Message?
      switch events[index] {
      case .ignored, .rebuilt: message = nil
      case .click, .erase, .dead: message = rest.popFirst()
      }
      let isTaught = lessons.first?.position == records[index].position
      return Answer(
        record: records[index],
        event: events[index],
        view: views[index],
        suggestion: suggestions[index],
        message: message,
        lesson: isTaught ? lessons.popFirst() : nil,
        batchNs: batchNs
      )
    }
  }
}
