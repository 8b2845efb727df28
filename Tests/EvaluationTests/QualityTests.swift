import Evaluation
import Foundation
import Testing

@Suite("Answers")
struct AnswersTests {
  @Test("lists are padded or cut, and ranks are given or found on the list")
  func append() {
    var answers = Answers(name: "a", depth: 3)
    answers.append(list: [4], rank: 17)
    answers.append(list: [1, 2, 3, 4], target: 2)
    answers.append(list: [1, 2, 3, 4], target: 5)
    answers.append(list: [], target: nil)
    answers.append(list: [-1, 7], target: -1)
    #expect(answers.ranks == [17, 1, .max, .max, .max])
    #expect(answers.lists == [4, -1, -1, 1, 2, 3, 1, 2, 3, -1, -1, -1, -1, 7, -1])
    #expect(answers.list(0, count: 2) == [4])
    #expect(answers.list(1, count: 2) == [1, 2])
    #expect(answers.list(2, count: 9) == [1, 2, 3])
    #expect(answers.list(99, count: 2).isEmpty)
  }
}

@Suite("Rank metrics")
struct RankMetricTests {
  @Test(
    "by hand",
    arguments: [
      (0, 1, 1, 1), (1, 1, 1 / log2(3), 1.0 / 2), (4, 1, 1 / log2(6), 1.0 / 5), (5, 0, 0, 0),
      (.max, 0, 0, 0), (-1, 0, 0, 0),
    ] as [(Int32, Double, Double, Double)]
  )
  func byHand(rank: Int32, hit: Double, gain: Double, reciprocal: Double) {
    #expect(RankMetric(.hitRate, cutoff: 5).value(rank: rank) == hit)
    #expect(abs(RankMetric(.ndcg, cutoff: 5).value(rank: rank) - gain) < 1e-12)
    #expect(RankMetric(.reciprocalRank, cutoff: 5).value(rank: rank) == reciprocal)
  }

  @Test("every kind at every cutoff, with its names")
  func names() {
    #expect(RankMetric.all.count == 12)
    #expect(Set(RankMetric.all).count == 12)
    #expect(RankMetric.all[0].title == "HR@5")
    #expect(RankMetric.all.map(\.key).suffix(3) == ["hr_50", "ndcg_50", "mrr_50"])
  }

  @Test("means are over examples, those without a rank too, by hand")
  func means() {
    let ranks: [Int32] = [0, 2, 3, .max]
    #expect(RankMetric(.hitRate, cutoff: 3).mean(of: ranks) == 2.0 / 4)
    let gain = (1 / log2(2.0) + 1 / log2(4.0)) / 4
    #expect(abs(RankMetric(.ndcg, cutoff: 3).mean(of: ranks) - gain) < 1e-12)
    #expect(RankMetric(.hitRate, cutoff: 1).mean(of: []) == 0)
  }
}

/// Three examples of two users over a catalogue of four, worked out by hand below.
enum Tiny {
  static var facts: ExampleFacts {
    var facts = ExampleFacts(clicks: [7, 3, 1, 1])
    facts.append(unit: 1, history: [], target: 0)
    facts.append(unit: 2, history: [-1, 0], target: 1)
    facts.append(unit: 2, history: [0, 1], target: nil)
    return facts
  }

  static var first: Answers {
    var answers = Answers(name: "first", depth: 2)
    answers.append(list: [0, 1], target: 0)
    answers.append(list: [0, 1], target: 1)
    answers.append(list: [0, 2], target: nil)
    return answers
  }

  static var second: Answers {
    var answers = Answers(name: "second", depth: 2)
    answers.append(list: [0], rank: 0)
    answers.append(list: [0], rank: 6)
    answers.append(list: [0], rank: .max)
    return answers
  }

  static let embeddings = ItemEmbeddings([2, 0, 0, 3, 5, 0, .nan, 1], width: 2)
}

@Suite("Quality")
struct QualityTests {
  @Test("facts keep each example's history, and what follows from it")
  func facts() {
    let facts = Tiny.facts
    #expect(facts.count == 3)
    #expect(facts.targets == [0, 1, -1])
    #expect((0..<4).map { Array(facts.history($0)) } == [[], [-1, 0], [0, 1], []])
  }

  @Test("metrics come example by example")
  func values() {
    let quality = Quality(Tiny.first, Tiny.facts)
    #expect(quality.values(RankMetric(.reciprocalRank, cutoff: 5)) == [1, 0.5, 0])
    #expect(quality.values(RankMetric(.hitRate, cutoff: 5), at: [2, 1]) == [0, 1])
  }

  @Test("what the lists are like, by hand")
  func measures() throws {
    let measures = Quality(Tiny.first, Tiny.facts, embeddings: Tiny.embeddings).measures
    #expect(measures.coverage == 3.0 / 4)
    // Listed 0, 1, 2 and 3 times: (1 · -1 + 2 · 1 + 3 · 3) / (3 · 6).
    #expect(measures.gini == 10.0 / 18)
    let bits = -(3 * log2(8.0 / 16) + 2 * log2(4.0 / 16) + log2(2.0 / 16))
    #expect(abs(try #require(measures.novelty) - bits / 6) < 1e-12)
    // Of [0, 1] and [0, 2], after [-, 0] and [0, 1], item 0 twice; only the first begins as its
    // history ends.
    #expect(measures.repeatRate == 2.0 / 4)
    #expect(measures.lastRepeatRate == 1.0 / 2)
    // 28 clicks of six items, 17 of three.
    #expect(measures.popularityLift == 28.0 / 6 / (17.0 / 3))
    // Items 0 and 1 are at right angles, 0 and 2 alike.
    #expect(abs(try #require(measures.intraListDistance) - 2.0 / 3) < 1e-6)
  }

  @Test("the distance is the mean over all pairs")
  func distance() throws {
    let embeddings = ItemEmbeddings([1, 0, 1, 1, 0, 2, -3, 0, 0, 0], width: 2)
    let half = 0.5.squareRoot()
    let pairs: [Double] = [1 - half, 1, 2, 1 - half, 1 + half, 1]
    let distance = try #require(embeddings.meanDistance([0, 1, 2, 3]))
    #expect(abs(distance - pairs.reduce(0, +) / 6) < 1e-6)
    #expect(embeddings.meanDistance([0, 4]) == 1)
    #expect(embeddings.meanDistance([0, -1, 9]) == nil)
    #expect(Tiny.embeddings.meanDistance([0, 3]) == 1)
    #expect(ItemEmbeddings([1, 0, .infinity, 1], width: 2).meanDistance([0, 1]) == 1)
  }

  @Test("lists are cut at 20, and at 10 for their distance")
  func cut() {
    var facts = ExampleFacts(clicks: Array(repeating: 1, count: 30))
    facts.append(unit: 1, history: [25], target: 0)
    var answers = Answers(name: "a", depth: 30)
    answers.append(list: 0..<30 as Range<Int32>, target: 0)
    let vectors = (0..<30).flatMap { $0 < 10 ? [1, 0] : [0, 1] as [Float] }
    let embeddings = ItemEmbeddings(vectors, width: 2)
    let measures = ListMeasures(answers, facts, embeddings: embeddings)
    #expect(measures.coverage == 20.0 / 30)
    #expect(measures.repeatRate == 0)
    #expect(measures.lastRepeatRate == 0)
    #expect(measures.intraListDistance == 0)
  }

  @Test("listing one item only is as uneven as can be, all alike not at all")
  func gini() {
    var facts = ExampleFacts(clicks: [1, 1, 1])
    var (same, even) = (Answers(name: "same", depth: 1), Answers(name: "even", depth: 1))
    for item in 0..<3 as Range<Int32> {
      facts.append(unit: item, history: [], target: item)
      same.append(list: [1], target: item)
      even.append(list: [item], target: item)
    }
    #expect(ListMeasures(same, facts).gini == 1)
    #expect(ListMeasures(even, facts).gini == 0)
  }

  @Test("what nothing is known of is left out")
  func nothing() {
    let measures = ListMeasures(Answers(name: "a", depth: 0), ExampleFacts(clicks: []))
    #expect(measures.coverage == 0)
    let known: [Double?] = [
      measures.gini, measures.novelty, measures.repeatRate, measures.lastRepeatRate,
      measures.popularityLift, measures.intraListDistance,
    ]
    #expect(known.allSatisfy { $0 == nil })
  }
}

@Suite("Slices")
struct SliceTests {
  @Test("go by the history's length, and by how often the target was clicked")
  func members() {
    // Of eleven items that were clicked the top tenth is one, and another has as many clicks.
    var facts = ExampleFacts(clicks: [0, 4, 5, 9, 9, 6, 6, 6, 6, 6, 6, 6])
    let lengths: [Int] = [0, 1, 3, 4, 9, 10, 11]
    let targets: [Int32?] = [nil, 0, 1, 2, 3, 4, 5]
    for (length, target) in zip(lengths, targets) {
      facts.append(unit: 1, history: ArraySlice(repeating: 0, count: length), target: target)
    }
    #expect(facts.members(of: .all) == Array(0..<7))
    #expect(facts.members(of: .historyEmpty) == [0])
    #expect(facts.members(of: .historyShort) == [1, 2])
    #expect(facts.members(of: .historyLong) == [5, 6])
    #expect(facts.members(of: .targetCold) == [0, 1, 2])
    #expect(facts.members(of: .targetPopular) == [4, 5])
  }

  @Test("no target is cold and popular at once")
  func apart() {
    var facts = ExampleFacts(clicks: [1, 1, 1])
    facts.append(unit: 1, history: [], target: 0)
    #expect(facts.members(of: .targetCold) == [0])
    #expect(facts.members(of: .targetPopular).isEmpty)
  }
}
