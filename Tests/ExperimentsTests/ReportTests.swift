import Evaluation
import Foundation
import Testing

@testable import Experiments

@Suite("Report of an experiment")
struct ReportTests {
  private var report: Report {
    var report = Report("toy", summary: "A toy.", columns: ["model", "HR@20", "µs"])
    report.append([.text("ours"), .share(0.1234), .number(1.26, 1)])
    report.append([.text("nothing at all"), .none, .number(.nan, 1)])
    report.notes = ["Only a toy."]
    report.plots = [
      "": Plot(
        title: "Toy",
        x: .init(label: "x", scale: .linear),
        y: .init(label: "y", scale: .linear),
        series: [Plot.Series(name: "a", points: [Plot.Point(x: 1, y: 2)])]
      )
    ]
    return report
  }

  @Test("the table is aligned Markdown")
  func text() {
    #expect(
      report.text == """
        A toy.

        | model          | HR@20 |  µs |
        |----------------|-------|-----|
        | ours           | 12.34 | 1.3 |
        | nothing at all |     – | nan |

        Only a toy.
        """
    )
  }

  @Test("JSON has a row an object, and null for what is no number")
  func json() throws {
    let object = try JSONSerialization.jsonObject(with: report.json()) as? [String: Any]
    let rows = try #require(object?["rows"] as? [[String: Any]])
    #expect(rows.count == 2 && rows[0]["HR@20"] as? Double == 0.1234)
    #expect(rows[1]["µs"] is NSNull && rows[1]["HR@20"] is NSNull)
  }

  @Test("table, numbers and plot are written")
  func written() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try report.write(to: folder.path)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == ["toy.json", "toy.md", "toy.svg"])
  }

  @Test("an attack's area is the share of pairs in the right order, and equals are half")
  func attack() {
    #expect(Attack(members: [3, 2], others: [1, 0]).area == 1)
    #expect(Attack(members: [0, 1], others: [2, 3]).area == 0)
    #expect(Attack(members: [1, 1], others: [1]).area == 0.5)
    #expect(Attack(members: [2, 0], others: [1]).area == 0.5)
    let many = Attack(
      members: (0..<100).map { Float($0) + 1.5 },
      others: (0..<200).map { Float($0) / 2 }
    )
    // The third highest of 200 stands at 98.5: those above it are 98.5 + 1 … 100.5.
    #expect(many.found == 0.02)
  }

  @Test("of equal scores an attacker finds as many as it takes others for members")
  func tied() {
    let equal = [Float](repeating: 1, count: 300)
    #expect(abs(Attack(members: equal, others: equal).found - 0.01) < 1e-9)
    // Half the members are above all others, the rest among them.
    let some = Attack(members: [2, 1], others: equal)
    #expect(abs(some.found - (1 + 0.01) / 2) < 1e-9)
    let nobody = Attack(members: [1], others: [])
    #expect(nobody.area.isNaN && nobody.found.isNaN)
  }
}
