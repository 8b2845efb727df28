import Evaluation
import Files
import Foundation
import Testing

/// Writes `text` to a file of its own and reads it as clicks.
func read(_ text: String) throws -> ClickFile.Content {
  let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  defer { try? FileManager.default.removeItem(at: file) }
  try Data(text.utf8).write(to: file)
  return try ClickFile.read(file.path)
}

@Suite("Click file")
struct ClickFileTests {
  @Test(
    "clicks are gathered by user in the order of their times, whatever the form",
    arguments: [
      "user\titem\ttime\na\tx\t2\nb\ty\t1.5\na\tz\t1\n",
      "item_id,extra,session_id,timestamp\nx,,a,2000\n\"y\",\"1,\"\"2\",b,1500\r\nz,,a,1000",
      """
      {"user_id":"a","item_id":"x","timestamp":2000}
      {"user_id":"b","item_id":"y","timestamp":1500}

      {"user_id":"a","item_id":"z","timestamp":1000}
      """,
    ]
  )
  func clicks(text: String) throws {
    let content = try read(text)
    #expect(content.histories.map(\.user) == ["a", "b"])
    #expect(content.histories.map(\.items) == [["z", "x"], ["y"]])
  }

  @Test("times below 10¹¹ are seconds, others milliseconds")
  func times() throws {
    let history = try read("user,item,time\na,x,1396314141.719\na,y,1396314141720").histories[0]
    #expect(history.timestampsMs == [1_396_314_141_719, 1_396_314_141_720])
  }

  @Test("the mark that spreadsheets put before the header is passed over")
  func mark() throws {
    #expect(try read("\u{FEFF}user,item\na,x").histories == [History(user: "a", items: ["x"])])
  }

  @Test("without times the order of the file holds, and a split labels each click")
  func split() throws {
    let history = try read("user,item,split\na,x,train\na,y,test").histories[0]
    #expect(history.items == ["x", "y"])
    #expect(history.timestampsMs.isEmpty)
    #expect(history.parts == ["train", "test"])
  }

  @Test("histories come one a line, named by their line when they have no user")
  func histories() throws {
    let content = try read("split\titems\ntrain\t5 6\nval\t7\n")
    #expect(
      content.histories == [
        History(user: "line 2", items: ["5", "6"], parts: ["train", "train"]),
        History(user: "line 3", items: ["7"], parts: ["val"]),
      ]
    )
  }

  @Test("published examples are cut to their length, and nothing but padding is no history")
  func examples() throws {
    let content = try read("seq\tlen_seq\tnext\n9 9 9\t1\t4\n4 9 9\t1\t5\n4 5 9\t2\t6\n")
    #expect(
      content.examples == [
        Example(history: [], next: "4"), Example(history: ["4"], next: "5"),
        Example(history: ["4", "5"], next: "6"),
      ]
    )
  }

  @Test(
    "what cannot be read says in which line, and what is wanted",
    arguments: [
      ("", 1, "empty"), ("item\n3\n", 1, "no column `user` or `session` among item"),
      ("user\tproduct\na\tx\n", 1, "no column `item` among user, product"),
      ("user\titem\na\n", 2, "1 fields where the header names 2"),
      ("user\titem\na\tx\n\ty\n", 3, "`user` is empty"),
      ("user\titem\ttime\na\tx\tsoon\n", 2, "`time` is soon"),
      ("user\titem\ttime\na\tx\t-1\n", 2, "`time` is -1"),
      ("user\titem\ttime\na\tx\t-9.9e15\n", 2, "`time` is -9.9e15"),
      ("user\titem\ttime\na\tx\tnan\n", 2, "`time` is nan"),
      ("user\titem\ttime\na\tx\t253402300800000\n", 2, "`time` is 253402300800000"),
      ("user,item\n\"a,x\n", 2, "quoted field"), ("items\n\n \n", 3, "`items` is empty"),
      ("seq\tlen_seq\tnext\n1 2\t3\t4\n", 2, "`len_seq` is 3"),
      ("{\"user_id\":\"a\",\"item_id\":\"x\"}\n{\"user_id\":1}", 2, "`user_id` is an integer"),
    ]
  )
  func refused(text: String, line: Int, reason: String) throws {
    let failure = #expect(throws: FileFailure.self) { try read(text) }
    #expect(failure?.line == line)
    #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "")")
  }

  static let shared = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "shared/data")

  @Test(
    "published data sets work as they are",
    .enabled(if: FileManager.default.fileExists(atPath: shared.path)),
    arguments: [
      ("dreamrec-zhihu/test.rows.tsv.gz", 0, 7_911),
      ("dreamrec-zhihu/sessions.tsv.gz", 11_714, 77_712),
      ("ml-100k/adrec_split.tsv.gz", 938, 54_413), ("yoochoose64/test.tsv.gz", 15_324, 71_222),
    ]
  )
  func published(name: String, histories: Int, clicks: Int) throws {
    let content = try ClickFile.read(Self.shared.appending(path: name).path)
    #expect(content.histories.count == histories)
    #expect(content.histories.reduce(content.examples.count) { $0 + $1.items.count } == clicks)
  }
}
