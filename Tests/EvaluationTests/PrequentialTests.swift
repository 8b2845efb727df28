import Evaluation
import Foundation
import Testing

private typealias Item = StreamReport.Example.Item

/// A click whose user is then suggested `suggested`.
private func click(
  _ user: String,
  _ item: String,
  at seconds: Int64? = nil,
  judged: Bool = true,
  then suggested: [String]? = []
) -> Prequential.Observed {
  Prequential.Observed(
    user: user,
    item: item,
    timestampMs: seconds.map { $0 * 1_000 },
    isJudged: judged,
    suggested: suggested.map { $0.map { Item(id: $0) } }
  )
}

private func judge(
  _ clicks: [Prequential.Observed],
  known: Set<String> = [],
  _ change: (inout Prequential.Options) -> Void = { _ in }
) -> StreamReport {
  var options = Prequential.Options()
  options.baselines = .none
  options.resamples = 40
  change(&options)
  var judge = Prequential(name: "ours", options: options, catalogue: known)
  for click in clicks { judge.observe(click) }
  return judge.report(steps: [2: 1], provenances: ["diffusion": 1])
}

extension StreamReport {
  fileprivate func value(_ key: String, of name: String = "ours") -> Double? {
    rows.first { $0.name == name }?.metrics[key]?.mean
  }

  fileprivate func events(_ dimension: StreamSlice.Dimension) -> [String: Int] {
    Dictionary(
      uniqueKeysWithValues: slices.filter { $0.dimension == dimension }.map { ($0.name, $0.events) }
    )
  }
}

@Suite("Prequential evaluation")
struct PrequentialTests {
  @Test("a click is judged by what was suggested after its user's click before, by nothing else")
  func served() throws {
    let report = judge([
      click("a", "x", then: ["p", "y"]),
      click("b", "y", then: ["x"]),
      click("a", "y", then: ["z"]),  // second on its list
      click("b", "z", then: ["z"]),  // not on its list
      click("a", "q", then: nil),
      click("a", "q"),  // nothing had been suggested
    ])
    #expect(report.clicks == 6 && report.events == 4 && report.sessions == 2)
    #expect(report.unanswered == 1)
    #expect(report.value("hr_5") == 0.25)
    #expect(report.value("mrr_20") == 0.125)
    let ndcg = try #require(report.value("ndcg_50"))
    #expect(abs(ndcg - 0.25 / 1.584_962_5) < 1e-6)
  }

  @Test("counts that go on learning know the clicks before, and no more; frozen ones the warm-up")
  func baselines() {
    // x is followed by y in the warm-up, and by z ever after.
    var clicks = [click("w", "x", judged: false), click("w", "y", judged: false)]
    for user in 0..<10 {
      clicks += [click("\(user)", "x", then: ["z"]), click("\(user)", "z")]
    }
    let report = judge(clicks) { $0.baselines = .counts }
    #expect(report.events == 10 && report.sessions == 10)
    #expect(report.value("hr_5") == 1)
    // Popular items fill the list up, so z is found as soon as it was ever clicked.
    #expect(report.value("mrr_5", of: "transition counts, frozen") == 0)
    let updated = report.value("mrr_5", of: "transition counts, updated") ?? 0
    // Never at first, then behind y where they are even, then first.
    #expect(updated > 0.8 && updated < 0.9)
    #expect(
      report.rows.map(\.name) == [
        "ours", "popularity, frozen", "transition counts, frozen", "popularity, updated",
        "transition counts, updated",
      ]
    )
    let difference = report.rows[4].differences["mrr_5"]
    #expect(abs((difference?.mean ?? 0) - (updated - 1)) < 1e-12)
    #expect((difference?.low ?? 0) < updated - 1 && (difference?.high ?? -9) > updated - 1)
  }

  @Test("baselines leave out what the user has seen if what is judged does, as far as it remembers")
  func unseen() {
    // x comes after y as often as z does.
    let clicks = (0..<9).flatMap { user in
      ["x", "y", "x", "y", "z"].map { click("\(user)", $0) }
    }
    func hits(_ change: @escaping (inout Prequential.Options) -> Void) -> Double? {
      judge(clicks) {
        $0.baselines = .counts
        change(&$0)
      }.value("hr_5", of: "transition counts, updated")
    }
    // The first y and z are new to their user, and unknown the first time.
    #expect(hits { $0.excludesSeen = true } == 16.0 / 36)
    #expect(hits { _ in } ?? 0 > 0.9)
    // Who remembers one click has not seen x when it comes after y.
    #expect(
      hits {
        $0.excludesSeen = true
        $0.historyLength = 1
      } ?? 0 > 0.9
    )
  }

  @Test("without a warm-up there is nothing that frozen counts would have learned")
  func noWarmUp() {
    let report = judge([click("a", "x"), click("a", "y")]) { $0.baselines = .counts }
    let names = ["ours", "popularity, updated", "transition counts, updated"]
    #expect(report.rows.map(\.name) == names)
  }

  @Test("slices tell events apart by history, item, popularity and hour")
  func slices() {
    var clicks: [Prequential.Observed] = []
    for number in 0..<12 {
      clicks.append(click("a", number % 2 == 0 ? "new" : "old", at: Int64(number) * 1_800))
    }
    let report = judge(clicks, known: ["old"])
    #expect(report.events(.all) == ["all": 11])
    #expect(report.events(.history) == ["1 click": 1, "2–3": 2, "4–9": 6, "10 and more": 2])
    #expect(
      report.events(.item)
        == ["new, 1–4 clicks": 4, "new, 5 and more": 1, "known to the model": 6]
    )
    #expect(report.events(.popularity) == ["0–4 clicks so far": 9, "5–49": 2])
    #expect(report.events(.hour)["00 h"] == 1 && report.events(.hour)["05 h"] == 2)
    #expect(report.rows[0].slices.count == report.slices.count)
  }

  @Test("windows follow one another, become fewer as they become many, and lose no event")
  func windows() {
    // Wrong for the first half, right for the second.
    let clicks = (0...4_096).map { number in
      click("a", "x", at: Int64(number), then: number < 2_048 ? [] : ["x"])
    }
    let report = judge(clicks) { $0.windows = 8 }
    #expect(report.windows.reduce(0) { $0 + $1.events } == 4_096)
    #expect((4...8).contains(report.windows.count))
    #expect(report.windows.last?.untilMs == 4_096_000)
    let points = report.rows[0].windows
    #expect(points.count == report.windows.count)
    #expect(points.first?.hitRate == 0 && points.last?.hitRate == 1)
    #expect((points.last?.faded ?? 0) > 0.8)
  }

  @Test("a window made of two has the events of both, the last one what is left; older ones fade")
  func merged() {
    // 64 wrong ones, and 195 right ones.
    let clicks = (0...259).map { click("a", "x", then: $0 < 64 ? [] : ["x"]) }
    let report = judge(clicks) { $0.windows = 4 }
    #expect(report.windows.map(\.events) == [128, 128, 3])
    #expect(report.rows[0].windows.map(\.hitRate) == [0.5, 1, 1])
    // Each counts 0.999 times as much as the one after it.
    func weight(of count: Double) -> Double { 1 - exp(count * log(0.999)) }
    let faded: Double = report.rows[0].windows.last?.faded ?? 0
    #expect(abs(faded - weight(of: 195) / weight(of: 259)) < 1e-9)
  }

  @Test("a user is forgotten after the time to live, and when told to")
  func forgotten() {
    let report = judge([
      click("a", "x", at: 0, then: ["y"]), click("a", "y", at: 10, then: ["y"]),
      click("a", "y", at: 100), click("b", "x", at: 100),
    ]) { $0.timeToLiveMs = 90_000 }
    #expect(report.events == 1)
    var judge = Prequential(name: "ours", options: Prequential.Options(), catalogue: [])
    judge.observe(click("a", "x", then: ["y"]))
    judge.forget("a")
    judge.observe(click("a", "y"))
    #expect(judge.events == 0)
  }

  @Test("reports are equal for equal streams, and their fingerprints differ where events do")
  func repeated() throws {
    func stream(_ last: String) -> [Prequential.Observed] {
      (0..<50).flatMap { user in
        [click("\(user)", "x", then: ["y"]), click("\(user)", user % 3 == 0 ? "y" : last)]
      }
    }
    let (one, same, other) = (judge(stream("z")), judge(stream("z")), judge(stream("q")))
    #expect(one == same)
    #expect(try one.json() == same.json())
    #expect(try StreamReport(json: one.json()) == one)
    #expect(one.fingerprint != other.fingerprint)
    #expect(one.examples.count == 12)
    #expect(one.examples.allSatisfy { ($0.rank == 0) == ($0.clicked == "y") })
  }

  @Test("intervals are those of resampling sessions at the end")
  func intervals() throws {
    // Whole sessions are right or wrong: as many values as sessions, not as events.
    let clicks = (0..<200).flatMap { user in
      (0..<6).map { _ in click("\(user)", "x", then: user % 2 == 0 ? ["x"] : []) }
    }
    let report = judge(clicks) { $0.resamples = 2_000 }
    let hits = try #require(report.rows[0].metrics["hr_20"])
    let units = (0..<200).flatMap { user in [Int32](repeating: Int32(user), count: 5) }
    let whole = Bootstrap(units: units, resamples: 2_000, seed: 3)
      .interval(units.map { $0 % 2 == 0 ? 1.0 : 0 })
    #expect(hits.mean == 0.5)
    #expect(abs(hits.low - whole.lowerBound) < 0.015)
    #expect(abs(hits.high - whole.upperBound) < 0.015)
  }

  @Test("what baselines answer does not depend on what was suggested beside them")
  func independent() {
    // y and z follow x as often: which comes first is a matter of their numbers.
    func stream(_ suggested: [String]) -> StreamReport {
      judge(
        (0..<20).flatMap { user in
          [
            click("\(user)", "x", then: suggested), click("\(user)", user % 2 == 0 ? "y" : "z"),
          ]
        },
        known: ["x", "y", "z"]
      ) { $0.baselines = .counts }
    }
    let (one, other) = (stream(["z", "y"]), stream(["y", "z"]))
    #expect(one.rows.dropFirst().map(\.metrics) == other.rows.dropFirst().map(\.metrics))
    #expect(one.rows[0].metrics != other.rows[0].metrics || one.value("hr_5") == 1)
    let compared = StreamComparison([one, other])
    #expect(compared.rows.map(\.run) == [0, 0, 0, 1])
    #expect(compared.unpaired == [])
  }

  @Test("runs are compared session by session, and not at all where they judged other events")
  func compared() throws {
    func run(_ right: (Int) -> Bool, last: String = "y", seed: UInt64 = 1) -> StreamReport {
      judge(
        (0..<100).flatMap { user in
          [click("\(user)", "x", then: right(user) ? ["y"] : ["q"]), click("\(user)", last)]
        }
      ) {
        $0.resamples = 400
        $0.seed = seed
      }
    }
    let one = run { $0 % 2 == 0 }
    let other = run { $0 % 2 == 0 || $0 < 10 }
    let rows = StreamComparison([one, other]).rows
    let difference = try #require(rows[1].differences["hr_20"])
    #expect(abs(difference.mean - 0.05) < 1e-9)
    // Paired: most sessions do not differ. Unpaired the interval would reach below 0.
    #expect(difference.low > 0 && difference.high < 0.11)
    let reseeded = run({ $0 % 2 == 0 }, seed: 2)
    #expect(reseeded.rows[0].metrics["hr_20"]?.low != one.rows[0].metrics["hr_20"]?.low)
    #expect(StreamComparison([one, reseeded]).unpaired == [1])
    let elsewhere = StreamComparison([one, run({ _ in true }, last: "z")])
    #expect(elsewhere.unpaired == [1])
    #expect(elsewhere.rows[1].differences.isEmpty)
  }

  @Test("a page has every table and plot, and nothing from elsewhere")
  func page() {
    let report = judge(
      (0..<200).map { click("\($0 % 7)", "<b>&\($0 % 5)", at: Int64($0) * 600, then: ["<b>&1"]) }
    ) { $0.baselines = .counts }
    let html = StreamPage(title: "a < b", runs: [("one", report), ("two", report)]).html
    #expect(html.hasPrefix("<!doctype html>") && html.hasSuffix("</html>\n"))
    for heading in ["How good", "What is suggested", "Over time", "HR@20 by hour", "Examples"] {
      #expect(html.contains("<h2>\(heading)</h2>"), "\(heading)")
    }
    #expect(html.components(separatedBy: "<svg").count == 5)
    #expect(html.contains("a &lt; b") && html.contains("&lt;b&gt;&amp;1"))
    #expect(!html.contains("<b>") && !html.contains("src=") && !html.contains("http://127"))
  }

  @Test("what lists are like is told as it is of whole lists")
  func lists() throws {
    let report = judge([
      click("a", "x", then: ["x", "y"]), click("a", "y", then: ["x", "y"]),
      click("a", "z", then: ["x"]), click("a", "z"),
    ])
    let lists = report.rows[0].lists
    #expect(lists.coverage == 2.0 / 3)
    #expect(lists.repeatRate == 4.0 / 5)
    #expect(lists.lastRepeatRate == 1.0 / 3)
    // Of x, y, z listed 3, 2 and 0 times: (−2·0 + 0·2 + 2·3) / (2·5).
    #expect(abs((lists.gini ?? 0) - 0.6) < 1e-12)
    // Each list is of the clicks before it: x has 1 of 1, of 2, of 3; y has 0 of 1, and 1 of 2.
    let chances: [Double] = [2 / 3, 1 / 3, 2 / 5, 2 / 5, 2 / 6]
    let bits: Double = chances.reduce(0) { $0 - log2($1) / 5 }
    #expect(abs((lists.novelty ?? 0) - bits) < 1e-9)
    // Listed items have 1, 0, 1, 1 and 1 clicks, those of histories 1; 1, 1; 1, 1, 1.
    #expect(abs((lists.popularityLift ?? 0) - 0.8) < 1e-9)
  }

  @Test("a slice's interval is that of a stream of its events alone")
  func sliceIntervals() throws {
    // What user 0 goes on to click is of another slice.
    var clicks: [Prequential.Observed] = []
    for user in 0..<150 {
      let isRight = user % 3 == 0
      clicks += [click("\(user)", "x", then: [isRight ? "y" : "q"]), click("\(user)", "y")]
    }
    let whole = judge(clicks + [click("0", "z"), click("0", "z")]) { $0.resamples = 400 }
    let alone = judge(clicks) { $0.resamples = 400 }
    let index = try #require(whole.slices.firstIndex { $0.name == "1 click" })
    #expect(whole.rows[0].slices[index]["hr_20"] == alone.rows[0].slices[0]["hr_20"])
    #expect(whole.rows[0].slices[0]["hr_20"] != alone.rows[0].slices[0]["hr_20"])
  }

  @Test("memory is for the users of the time to live, and examples are of the whole stream")
  func bounded() {
    var options = Prequential.Options()
    options.baselines = .none
    options.resamples = 4
    options.timeToLiveMs = 1_000_000
    var judge = Prequential(name: "ours", options: options, catalogue: [])
    var most = 0
    for number in 0..<4_000 {
      let user = "\(number / 2)"
      judge.observe(click(user, "i\(number % 9)", at: Int64(number) * 10))
      most = max(most, judge.userCount)
    }
    #expect((50...70).contains(most))
    let examples = judge.report(steps: [:], provenances: [:]).examples.compactMap { Int($0.user) }
    #expect(examples.count == 12)
    #expect(examples.contains { $0 > 1_000 } && examples.contains { $0 < 1_000 })
  }
}

@Suite("Rank counts and histograms")
struct StreamCountsTests {
  @Test("rank counts give the metrics of the ranks themselves")
  func metrics() {
    var random = SplitMix64(seed: 5)
    let ranks = (0..<500).map { _ in Int32(random.below(80)) }
    var counts = RankCounts()
    for rank in ranks { counts.add(Int(rank)) }
    for metric in RankMetric.all {
      #expect(abs(counts.mean(metric) - metric.mean(of: ranks)) < 1e-12, "\(metric.title)")
    }
    #expect(RankCounts().mean(RankMetric(.ndcg, cutoff: 20)) == 0)
  }

  @Test("a histogram's quantiles are within 5 %")
  func quantiles() {
    var histogram = LogHistogram()
    for value in 1...1_000 { histogram.add(Double(value) / 10) }
    histogram.add(0)
    histogram.add(.infinity)
    #expect(histogram.total == 1_000)
    for share in [0.01, 0.5, 0.99] {
      #expect(abs(histogram.quantile(share) / (100 * share) - 1) < 0.05)
    }
    #expect(LogHistogram().quantile(0.5) == 0)
  }
}
