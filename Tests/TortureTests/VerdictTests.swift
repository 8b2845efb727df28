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
      ("v", text(#"{"user_id":"v","item_id":"i2","timestamp":1001}"#)),
      ("v", text(#"{"user_id":"v","item_id":"i3","timestamp":1002}"#)),
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

  private func judge(_ messages: [Message], batch: Int = 1) throws -> Verdict {
    var verdict = Verdict(oracle, isOnce: true, batch: batch)
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
    #expect(published.count == 8 && verdict.isGood, "\(verdict.examples)")
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

  @Test("a dead letter must be the right one in all", arguments: 0...3)
  func deadLetters(part: Int) throws {
    var messages = published
    let place = try #require(messages.firstIndex { $0.destination == .deadLetters })
    switch part {
    case 0: messages[place].key = nil
    case 1: messages[place].value = []
    case 2: messages[place].headers = []
    default:
      let name = DeadLetter.prefix + "reason"
      messages[place].headers = messages[place].headers
        .map { $0.name == name ? Header(name, "oversize") : $0 }
    }
    let verdict = try judge(messages)
    #expect(verdict.wrong == 1 && verdict.missing == 1 && !verdict.isGood)
  }

  @Test("a user's suggestions have an order, and nothing comes twice")
  func order() throws {
    var messages = published
    messages.swapAt(6, 7)
    let swapped = try judge(messages)
    #expect(swapped.misplaced == 1 && !swapped.isGood)
    for message in published.prefix(2) {
      let verdict = try judge(published + [message])
      #expect(verdict.repeated == 1 && !verdict.isGood)
    }
  }

  @Test("a suggestion may have forgotten what its batch erases, no other", arguments: [1, 2])
  func forgotten(batch: Int) throws {
    var messages = published
    let value = String(decoding: try #require(published[0].value), as: UTF8.self)
    let other = value.replacing("\"session_length\":1", with: "\"session_length\":0")
    messages[0].value = Array(other.utf8)
    let verdict = try judge(messages, batch: batch)
    #expect(other != value && verdict.isGood == (batch == 2))
    #expect(verdict.forgotten == batch - 1 && verdict.wrong == 2 - batch)
  }

  @Test("what an open transaction holds back is not good, what an aborted one does is")
  func hidden() {
    var verdict = Verdict(oracle, isOnce: true, batch: 1)
    verdict.hide(isAborted: true)
    #expect(verdict.isGood && verdict.aborted == 1)
    verdict.hide(isAborted: false)
    #expect(!verdict.isGood && verdict.open == 1)
  }

  @Test("every session must be the oracle's")
  func sessions() throws {
    var verdict = Verdict(oracle, isOnce: true, batch: 1)
    let model = TinyModel.make()
    let right = try Oracle(log, model: model, limits: limits, maxEventBytes: 1_000).sessions
    try verdict.compare(right)
    #expect(verdict.sessions == 2 && verdict.isGood, "\(verdict.examples)")
    try verdict.compare(MemorySessions(limits: limits, nowMs: { 0 }))
    #expect(verdict.sessionsWrong == 1 && !verdict.isGood, "an erasure is one in any")
  }
}
