import Events
import Files
import Foundation
import Replay
import Testing

/// What a file of `text` replays, as user, item, time and part.
private func read(
  _ text: String,
  _ change: (inout ClickRecords.Choices) -> Void = { _ in }
) throws -> (lines: [String], source: ClickRecords) {
  let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID())-clicks")
  defer { try? FileManager.default.removeItem(at: file) }
  try Data(text.utf8).write(to: file)
  var choices = ClickRecords.Choices()
  change(&choices)
  let source = try ClickRecords(path: file.path, choices: choices)
  var lines: [String] = []
  while let one = try source.next() {
    guard case .click(let click) = try ClickDecoder.decode(one.record) else {
      Issue.record("no click")
      continue
    }
    lines.append(
      "\(one.record.position.offset) \(click.user) \(click.item) "
        + "\(one.timestampMs.map(String.init) ?? "–") \(one.part ?? "–")"
    )
  }
  return (lines, source)
}

private func refusal(_ text: String) -> FileFailure? {
  do { _ = try read(text) } catch { return error as? FileFailure }
  return nil
}

@Suite("Click records")
struct ClickRecordsTests {
  @Test("a row is the record of its line, with its time and its part")
  func rows() throws {
    let (lines, source) = try read(
      "user\titem\ttime\tsplit\na\tx\t1\tval\nb\ty\t1.5\ttest\na\tz\t2\ttest\n"
    )
    #expect(lines == ["2 a x 1000 val", "3 b y 1500 test", "4 a z 2000 test"])
    #expect(source.share == 1)
  }

  @Test("a line of JSON is replayed as it is")
  func json() throws {
    let line = #"{"user_id":"a","item_id":"x","timestamp":5,"event_id":"e7"}"#
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("\(line)\n".utf8).write(to: file)
    let source = try ClickRecords(path: file.path)
    let record = try #require(try source.next()).record
    #expect(record.value == Array(line.utf8))
    #expect(record.key == Array("a".utf8))
    #expect(try source.next() == nil)
  }

  @Test("histories are clicks one after the other, without times")
  func histories() throws {
    let (lines, _) = try read("user\titems\tsplit\na\tx y\ttrain\nb\tz\ttest\n")
    #expect(lines == ["1 a x – train", "2 a y – train", "3 b z – test"])
  }

  @Test("time that goes backwards is refused by its line, or sorted by choice")
  func disorder() throws {
    let text = "user,item,time\na,x,5\nb,y,7\na,z,6\nb,w,7\n"
    let failure = try #require(refusal(text))
    #expect(failure.line == 4)
    #expect(failure.reason.contains("1000 ms before that of line 3"))
    #expect(failure.reason.contains("--unordered sort"))
    let (lines, _) = try read(text) { $0.disorder = .sort }
    #expect(lines == ["2 a x 5000 –", "3 a z 6000 –", "4 b y 7000 –", "5 b w 7000 –"])
  }

  @Test("rows that cannot be read are refused by their line, or counted and named by choice")
  func bad() throws {
    let text = "user,item,time\na,x,1\na,,2\na,y,soon\na,z,3\n"
    let failure = try #require(refusal(text))
    #expect(failure.line == 3)
    #expect(failure.reason.contains("--bad-rows skip"))
    let (lines, source) = try read(text) { $0.bad = .skip }
    #expect(lines == ["2 a x 1000 –", "5 a z 3000 –"])
    #expect(source.skipped == 2)
    #expect(source.firstSkipped.map(\.line) == [3, 4])
  }

  @Test("a damaged file ends the replay whatever the choice")
  func damaged() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).gz")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]).write(to: file)
    var choices = ClickRecords.Choices()
    choices.bad = .skip
    #expect(throws: FileFailure.self) {
      let source = try ClickRecords(path: file.path, choices: choices)
      while try source.next() != nil {}
    }
  }

  @Test("ready examples are no stream")
  func examples() throws {
    let failure = try #require(refusal("seq\tlen_seq\tnext\n1 2\t2\t3\n"))
    #expect(failure.reason.contains("no stream"))
  }
}
