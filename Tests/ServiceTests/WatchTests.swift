import Logging
import Pipeline
import Sessions
import Testing

@testable import Service

@Suite("Group watch")
struct GroupWatchTests {
  @Test("until partitions come the log says now and then what is waited for")
  func waits() {
    var watch = GroupWatch(nowMs: 0)
    #expect(watch.look(partitions: 0, trouble: nil, nowMs: 4_999) == [])
    let lines = watch.look(partitions: 0, trouble: nil, nowMs: 5_000)
    #expect(lines.map(\.message) == ["waiting for partitions"])
    #expect(lines.map(\.details) == [["seconds": "5"]])
    #expect(watch.look(partitions: 0, trouble: nil, nowMs: 9_999) == [])
    let trouble = KafkaTrouble(code: "A", reason: "a")
    let troubled = watch.look(partitions: 0, trouble: trouble, nowMs: 10_000)
    #expect(troubled.last?.details == ["seconds": "10", "trouble": "a"])

    #expect(watch.look(partitions: 2, trouble: nil, nowMs: 11_000).map(\.level) == [.notice])
    #expect(watch.look(partitions: 2, trouble: nil, nowMs: 90_000) == [])
    #expect(watch.look(partitions: 0, trouble: nil, nowMs: 91_000) == [])
    let later = watch.look(partitions: 0, trouble: nil, nowMs: 95_000)
    #expect(later.map(\.details) == [["seconds": "5"]])
  }

  @Test("a member that gets no partition does not fill the log")
  func idle() {
    var watch = GroupWatch(nowMs: 0)
    let said = (1...600).count {
      !watch.look(partitions: 0, trouble: nil, nowMs: Int64($0) * 1_000).isEmpty
    }
    #expect(said == 12 + 9)
  }

  @Test("each kind of trouble is told once, until it is over")
  func trouble() {
    var watch = GroupWatch(nowMs: 0)
    func levels(_ code: String?, atMs nowMs: Int64) -> [String] {
      let trouble = code.map { KafkaTrouble(code: $0, reason: "\($0) at \(nowMs)") }
      return watch.look(partitions: 1, trouble: trouble, nowMs: nowMs)
        .map { "\($0.level) \($0.details["reason"] ?? "")" }
    }
    #expect(levels("A", atMs: 1) == ["warning A at 1"])
    #expect(levels("A", atMs: 2) == [])
    #expect(levels("B", atMs: 3) == ["warning B at 3"])
    #expect(levels("A", atMs: 4) == [])
    #expect(levels(nil, atMs: 5) == ["notice "])
    #expect(levels("A", atMs: 6) == ["warning A at 6"])
  }
}

@Suite("Store watch")
struct StoreWatchTests {
  private let down = SessionFailure(remedy: .retry, reason: "down")

  @Test("an idle worker gives up a store that has failed for too long")
  func ends() throws {
    var nowMs: Int64 = 0
    var watch = StoreWatch(fatalAfterMs: 60_000) { nowMs }
    func look(_ failure: SessionFailure?, atMs time: Int64) throws(PipelineFailure) -> String? {
      nowMs = time
      return try watch.look { () throws(SessionFailure) in if let failure { throw failure } }
    }
    #expect(try look(nil, atMs: 0) == nil)
    for time: Int64 in stride(from: 1_000, through: 60_000, by: 1_000) {
      #expect(try look(down, atMs: time) == "down")
    }
    let failure = #expect(throws: PipelineFailure.self) { try look(down, atMs: 61_000) }
    #expect(failure?.remedy == .stop)
    #expect(failure?.description == "sessions: down; it has failed for 60 s")
    #expect(try look(nil, atMs: 62_000) == nil)
    #expect(try look(down, atMs: 63_000) == "down", "it counts anew")
  }

  @Test("looks far apart, between which clicks came, are no series")
  func apart() throws {
    var nowMs: Int64 = 0
    var watch = StoreWatch(fatalAfterMs: 60_000) { nowMs }
    for time: Int64 in stride(from: 0, through: 600_000, by: 20_000) {
      nowMs = time
      #expect(try watch.look { () throws(SessionFailure) in throw down } == "down")
    }
  }

  @Test("a store that refuses for good ends it at once")
  func refused() {
    var watch = StoreWatch(fatalAfterMs: 60_000) { 0 }
    let refusal = SessionFailure(remedy: .stop, reason: "wrong password")
    let failure = #expect(throws: PipelineFailure.self) {
      _ = try watch.look { () throws(SessionFailure) in throw refusal }
    }
    #expect(failure?.description == "sessions: wrong password")
  }
}
