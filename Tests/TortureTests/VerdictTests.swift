import Events
import Pipeline
import Sessions
import TestSupport
import Testing

@testable import torture

/// What the judge of `deploy/torture` finds.
@Suite("Verdict")
struct VerdictTests {
  private let limits = SessionLimits(
    maxLength: 5,
    slack: 8,
    latenessMs: 1_000,
    timeToLiveMs: 1 << 40
  )
  private let log: [Record]
  private let oracle: Oracle
  /// What a worker publishes of the log.
  private let published: [Message]

  init() throws {
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    let values: [(user: String, value: [UInt8]?)] = [
      ("u", text(#"{"user_id":"u","item_id":"i1","timestamp":1000}"#)), ("u", text("{")),
      ("u", nil), ("v", nil), ("v", nil), ("v", text(#"{"user_id":"v"}"#)),
    ]
    log = values.enumerated().map { offset, message in
      Record(
        position: Position(topic: "clicks", partition: 0, offset: Int64(offset)),
        key: text(message.user),
        value: message.value,
        timestampMs: 1_000
      )
    }
    let model = TinyModel.make()
    oracle = try Oracle(log, model: model, limits: limits, maxEventBytes: 1_000)
    var pipeline = Pipeline(
      source: WholeLog(log),
      store: MemorySessions(limits: limits, nowMs: { 0 }),
      sink: Collected(),
      recommender: try Recommender(model: model, options: RecommenderOptions()),
      options: PipelineOptions(worker: "somebody"),
      clock: PipelineClock(wallMs: { 0 }, monotonicNs: { 0 })
    )
    var messages: [Message] = []
    try pipeline.runThrough { _, _, message in messages += message.map { [$0] } ?? [] }
    published = messages
  }

  private func judge(_ messages: [Message]) throws -> Verdict {
    var verdict = Verdict(oracle, isOnce: true, batch: 1)
    for (offset, message) in messages.enumerated() {
      let record = Record(
        position: Position(topic: "out", partition: 0, offset: Int64(offset)),
        key: message.key,
        value: message.value,
        timestampMs: 0,
        headers: message.headers
      )
      switch message.destination {
      case .suggestions: try verdict.suggestion(record)
      case .deadLetters: verdict.deadLetter(record)
      }
    }
    verdict.close()
    return verdict
  }

  @Test("what a worker publishes with nothing going wrong is good, whatever the worker's name")
  func good() throws {
    let verdict = try judge(published)
    #expect(published.count == 6 && verdict.isGood, "\(verdict.examples)")
    #expect(verdict.erasures == 3 && verdict.deadLetters == 2)
  }

  @Test("an erasure too many does not make up for another user's that is missing")
  func erasures() throws {
    var messages = published
    let place = try #require(messages.firstIndex { $0.value == nil && $0.key == Array("u".utf8) })
    messages[place].key = Array("v".utf8)
    let verdict = try judge(messages)
    #expect(verdict.missing == 1 && verdict.repeated == 1 && !verdict.isGood)
    messages[place].key = Array("w".utf8)
    #expect(try judge(messages).wrong == 1, "nobody's")
  }

  @Test("a dead letter must be the right one in all", arguments: [0, 1, 2])
  func deadLetters(part: Int) throws {
    var messages = published
    let place = try #require(messages.firstIndex { $0.destination == .deadLetters })
    switch part {
    case 0: messages[place].key = nil
    case 1: messages[place].value = []
    default:
      let name = DeadLetter.prefix + "reason"
      messages[place].headers = messages[place].headers
        .map { $0.name == name ? Header(name, "oversize") : $0 }
    }
    let verdict = try judge(messages)
    #expect(verdict.wrong == 1 && verdict.missing == 1 && !verdict.isGood)
  }
}
