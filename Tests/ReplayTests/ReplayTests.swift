import Events
import Files
import Foundation
import Network
import Pipeline
import Replay
import Sessions
import TestSupport
import Testing

private let limits = SessionLimits(
  maxLength: 5,
  slack: 16,
  latenessMs: 60_000,
  timeToLiveMs: 1_000_000
)

/// 400 clicks of 30 users, a second apart, a sixth of them on items that the model does not know.
private func clicks(seed: UInt64 = 1) -> [Record] {
  var generator = SeededGenerator(seed: seed)
  return (0..<400).map { number in
    let user = "u\(Int.random(in: 0..<30, using: &generator))"
    let item = "i\(Int.random(in: 0..<60, using: &generator))"
    return record(number, user, item, timestampMs: Int64(number) * 1_000)
  }
}

private func record(_ offset: Int, _ user: String, _ item: String, timestampMs: Int64) -> Record {
  Record(
    position: Position(topic: "t", partition: 0, offset: Int64(offset)),
    key: Array(user.utf8),
    value: ClickEncoder.encode(
      user: user,
      item: item,
      timestampMs: timestampMs,
      eventID: nil,
      type: nil
    ),
    timestampMs: timestampMs
  )
}

private func replay(
  _ records: [Record],
  lanes: Int = 1,
  batch: Int = 64,
  denoiser: Shape.Denoiser = .mlp,
  learns: Bool = false,
  atOnce: Int = .max,
  readsAhead: Bool = true,
) throws -> [Answer] {
  var learning = RecommenderOptions()
  learning.learns = learns
  let replay = Replay(
    recommender: try Recommender(
      model: TinyModel.make(denoiser: denoiser),
      options: learning
    ),
    options: PipelineOptions(maxBatch: batch),
    limits: limits,
    lanes: lanes
  )
  var rest = records[...]
  var answers: [Answer] = []
  try replay.run(
    readsAhead: readsAhead,
    next: { count in
      let count = min(count, atOnce)
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    },
    body: { answers += $0 }
  )
  return answers
}

@Suite("Replay")
struct ReplayTests {
  @Test(
    "batches and lanes change no byte, and the order is the stream's",
    arguments: [(1, 1), (1, 7), (2, 64), (3, 5), (8, 256)]
  )
  func same(lanes: Int, batch: Int) throws {
    let records = clicks()
    let plain = try replay(records, batch: 400)
    let other = try replay(records, lanes: lanes, batch: batch)
    #expect(other.map(\.record.position.offset) == records.map(\.position.offset))
    #expect(other.map(\.message?.value) == plain.map(\.message?.value))
    #expect(Set(plain.compactMap(\.message?.value)).count > 300)
  }

  @Test(
    "one that learns does so at the same clicks, whatever lanes, batches and how many come at once",
    arguments: [(1, 1, 400), (1, 7, 10), (2, 64, 64), (3, 5, 13), (8, 256, 400)]
  )
  func learning(lanes: Int, batch: Int, atOnce: Int) throws {
    let records = clicks()
    let plain = try replay(records, batch: 400, learns: true)
    let other = try replay(records, lanes: lanes, batch: batch, learns: true, atOnce: atOnce)
    #expect(other.map(\.message?.value) == plain.map(\.message?.value))
    let paced = try replay(
      records,
      lanes: lanes,
      batch: batch,
      learns: true,
      atOnce: atOnce,
      readsAhead: false
    )
    #expect(paced.map(\.message?.value) == plain.map(\.message?.value))
    let lessons = plain.map(\.suggestion?.generation.lessons)
    #expect(lessons[..<64].allSatisfy { $0 == 0 } && (lessons[64] ?? 0) > 30)
    #expect(lessons[384] == plain[..<384].count { $0.lesson != nil })
    #expect(Set(lessons).count == 7)
    let frozen = try replay(records)
    #expect(frozen[..<64].map(\.suggestion?.items) == plain[..<64].map(\.suggestion?.items))
    #expect(frozen[64...].map(\.suggestion?.items) != plain[64...].map(\.suggestion?.items))
    // Ten of the stream's items are not the model's.
    let fresh = Set((50..<60).map { "i\($0)" })
    let suggested = plain[64...].flatMap { $0.suggestion?.items ?? [] }
    #expect(suggested.contains { fresh.contains($0.id) })
  }

  @Test("answers come before the next records are waited for, unless it is to read ahead")
  func order() throws {
    for readsAhead in [false, true] {
      let records = clicks()
      let replay = Replay(
        recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
        options: PipelineOptions(maxBatch: 10),
        limits: limits,
        lanes: 1
      )
      var (read, answered, late) = (0, 0, 0)
      try replay.run(
        readsAhead: readsAhead,
        next: { _ in
          if answered < read { late += 1 }
          defer { read += min(10, 40 - read) }
          return Array(records[read..<min(read + 10, 40)])
        },
        body: { answers in answered += answers.count }
      )
      #expect(answered == 40)
      #expect((late > 0) == readsAhead)
    }
  }

  @Test("a record without a key goes where its user's others go")
  func withoutKey() throws {
    var records = clicks()
    let keyed = try replay(records)
    for index in records.indices where index % 3 == 0 { records[index].key = nil }
    #expect(try replay(records, lanes: 4).map(\.view) == keyed.map(\.view))
  }

  @Test("a session ends by its own user's times, however fast and with whomever it is replayed")
  func ages() throws {
    let records = [
      record(1, "a", "item-1", timestampMs: 0),
      record(2, "b", "item-2", timestampMs: 900_000),
      record(3, "a", "item-3", timestampMs: 999_999),
      record(4, "b", "item-4", timestampMs: 1_900_000),
      record(5, "a", "item-5", timestampMs: 1_999_998),
    ]
    for batch in [1, 2, 5] {
      let views = try replay(records, batch: batch).map(\.view?.items)
      #expect(
        views == [
          ["item-1"], ["item-2"], ["item-1", "item-3"], ["item-4"],
          ["item-1", "item-3", "item-5"],
        ]
      )
    }
  }

  @Test("what is no click is passed on as what it is")
  func dead() throws {
    var records = clicks().prefix(3).map(\.self)
    records[1].value = Array("{".utf8)
    let answers = try replay(records, lanes: 2)
    try #require(answers.count == 3)
    guard case .dead = answers[1].event else {
      Issue.record("\(answers[1].event)")
      return
    }
    #expect(answers[1].suggestion == nil)
    #expect(answers[1].message?.destination == .deadLetters)
    #expect(answers[2].suggestion != nil)
  }

  @Test("what fails in between ends the replay with the reason")
  func failing() throws {
    let failure = FileFailure(path: "clicks", line: 7, reason: "broken")
    var calls = 0
    let replay = Replay(
      recommender: try Recommender(model: TinyModel.make(), options: RecommenderOptions()),
      options: PipelineOptions(),
      limits: limits,
      lanes: 2
    )
    let thrown = #expect(throws: FileFailure.self) {
      try replay.run(
        next: { _ in
          calls += 1
          if calls == 3 { throw failure }
          return clicks(seed: UInt64(calls)).prefix(10).map(\.self)
        },
        body: { _ in }
      )
    }
    #expect(thrown == failure)
  }

  @Test("time passes as many times as fast as it is told, from the first event on")
  func pace() {
    let start = ContinuousClock.now
    var pace = EventPace(times: 60)
    #expect(pace.wait(for: 1_000_000, now: start) == .zero)
    #expect(pace.wait(for: 1_060_000, now: start) == .seconds(1))
    #expect(pace.wait(for: 1_120_000, now: start + .milliseconds(1_500)) == .milliseconds(500))
    #expect(pace.wait(for: 1_000_000, now: start + .seconds(9)) == .zero)
    #expect(pace.wait(for: nil, now: start) == .zero)
    var fast = EventPace(times: nil)
    #expect(fast.wait(for: 0, now: start) == .zero)
    #expect(fast.wait(for: 1 << 40, now: start) == .zero)
  }
}
