import Evaluation
import Foundation
import Testing

@Suite("Quality table")
struct QualityTableTests {
  let table = QualityTable(
    [Tiny.first, Tiny.second],
    Tiny.facts,
    embeddings: Tiny.embeddings,
    seed: 1
  )

  @Test("text is as a terminal shows it")
  func text() {
    let table = QualityTable(
      [Tiny.first, Tiny.second],
      Tiny.facts,
      embeddings: Tiny.embeddings,
      slices: [.all, .targetCold]
    )
    #expect(table.text() == Self.text)
  }

  /// A resample holds user 1 twice, user 2 twice, or each once; cold targets are all user 2's.
  static let text = """
    all: examples 3, users or sessions 2
                       HR@20                NDCG@20                MRR@20
      first           66.67 [50.0–100.0]   54.36 [31.5–100.0]     50.00 [25.0–100.0]
      second          66.67 [50.0–100.0]   44.44 [16.7–100.0]     38.10 [7.1–100.0]
        minus first    0.00 [0.00, 0.00]   -9.92 [-14.88, 0.00]  -11.90 [-17.86, 0.00]

    target cold (below 5 training clicks, or unknown): examples 2, users or sessions 1
                       HR@20                NDCG@20                  MRR@20
      first           50.00 [50.0–50.0]    31.55 [31.5–31.5]        25.00 [25.0–25.0]
      second          50.00 [50.0–50.0]    16.67 [16.7–16.7]         7.14 [7.1–7.1]
        minus first    0.00 [0.00, 0.00]  -14.88 [-14.88, -14.88]  -17.86 [-17.86, -17.86]

    lists: the first 20 items of each
              coverage %  Gini  novelty bits  repeats %  last first %  popularity lift  distance
      first        75.00  0.56          1.67      50.00         50.00             0.82      0.67
      second       25.00  1.00          1.00     100.00         50.00             1.24         –

    """

  @Test("other cutoffs are shown when asked for")
  func cutoffs() {
    let header = table.text(cutoffs: [5, 10]).split(separator: "\n")[1]
    #expect(
      header.split(separator: " ") == ["HR@5", "NDCG@5", "MRR@5", "HR@10", "NDCG@10", "MRR@10"]
    )
  }

  @Test("each row has its metrics, and those after the first what they are better by")
  func rows() throws {
    let all = try #require(table.slices.first)
    #expect(all.slice == .all)
    #expect(all.examples == 3)
    #expect(all.units == 2)
    #expect(all.rows.map(\.name) == ["first", "second"])
    #expect(all.rows[0].metrics.count == 12)
    #expect(all.rows[0].metrics["mrr_5"]?.mean == 0.5)
    #expect(all.rows[1].metrics["mrr_10"]?.mean == (1 + 1.0 / 7) / 3)
    #expect(all.rows[0].differences.isEmpty)
    let difference = try #require(all.rows[1].differences["mrr_5"])
    // Both find what user 1 clicked; of user 2's examples the first finds one, at the second place.
    #expect(abs(difference.mean + 0.5 / 3) < 1e-12)
    #expect(difference.low == -0.25)
    #expect(difference.high == 0)
  }

  @Test("every row is held against the first, and a trace below nothing is written as nothing")
  func first() throws {
    var facts = ExampleFacts(clicks: [1])
    var rows = ["first", "second", "third"].map { Answers(name: $0, depth: 1) }
    for example in 0..<20 as Range<Int32> {
      facts.append(unit: example, history: [], target: 0)
      for (row, rank) in [48, example == 0 ? 49 : 48, 0].enumerated() {
        rows[row].append(list: [], rank: Int32(rank))
      }
    }
    let table = QualityTable(rows, facts, slices: [.all])
    let differences = table.slices[0].rows.map { $0.differences["mrr_50"]?.mean }
    #expect(differences[0] == nil)
    let (second, third) = (try #require(differences[1]), try #require(differences[2]))
    // One example of twenty is found at the 50th place rather than the 49th.
    #expect(abs(second + 1.0 / (49 * 50 * 20)) < 1e-12)
    #expect(abs(third - 48.0 / 49) < 1e-12)
    #expect(!table.text(cutoffs: [50]).contains("-0.00"))
  }

  @Test("intervals are those of a bootstrap of the slice's own units")
  func intervals() throws {
    let members = Tiny.facts.members(of: .targetCold)
    let bootstrap = Bootstrap(units: members.map { Tiny.facts.units[$0] }, seed: 1)
    let metric = RankMetric(.ndcg, cutoff: 10)
    let values = Quality(Tiny.second, Tiny.facts).values(metric, at: members)
    let section = try #require(table.slices.first { $0.slice == .targetCold })
    let estimate = try #require(section.rows[1].metrics["ndcg_10"])
    #expect(estimate.mean == values.reduce(0, +) / Double(members.count))
    #expect(estimate.low...estimate.high == bootstrap.interval(values))
  }

  @Test("a row that answers like the first differs by nothing at all")
  func same() throws {
    let table = QualityTable([Tiny.first, Tiny.first], Tiny.facts)
    for section in table.slices where section.examples > 0 {
      #expect(section.rows[1].differences.count == 12)
      for difference in section.rows[1].differences.values {
        #expect([difference.mean, difference.low, difference.high] == [0, 0, 0])
      }
    }
  }

  @Test("JSON is stable, its keys in snake case, and reads back as it was")
  func json() throws {
    let bytes = try table.json()
    #expect(try QualityTable(json: bytes) == table)
    let again = QualityTable(
      [Tiny.first, Tiny.second],
      Tiny.facts,
      embeddings: Tiny.embeddings,
      seed: 1
    )
    #expect(try again.json() == bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    let keys = text.matches(of: #/"(\w+)" :/#).map { String($0.1) }
    #expect(Set(["resamples", "hr_20", "intra_list_distance"]).isSubset(of: keys))
    #expect(keys.allSatisfy { $0.wholeMatch(of: #/[a-z0-9_]+/#) != nil })
    #expect(text.contains(#""slice" : "history_empty""#))
  }

  @Test("nobody, nothing and no example make a table all the same")
  func empty() throws {
    #expect(QualityTable([], Tiny.facts).lists.isEmpty)
    let table = QualityTable([Answers(name: "a", depth: 0)], ExampleFacts(clicks: []))
    #expect(table.slices.allSatisfy { $0.rows.isEmpty && $0.examples == 0 })
    #expect(table.text().hasPrefix("all: no examples\n"))
    #expect(try QualityTable(json: table.json()) == table)
  }
}
