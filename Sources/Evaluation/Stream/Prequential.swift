internal import Files

/// Judges a stream while it passes: every click is predicted from its session before it, then
/// learned from (prequential evaluation: Dawid 1984; Gama, Sebastião and Rodrigues 2013).
///
/// What is judged is the list that was suggested after the click before, as it was then. Baselines
/// answer at the very moment of the click: they know a little more. Memory is bounded by the items,
/// and by the users active within the time to live.
package struct Prequential: Sendable {
  package struct Options: Equatable, Sendable {
    /// Baselines that stand beside what is judged.
    package enum Baselines: String, CaseIterable, Sendable { case none, counts, all }

    package var baselines = Baselines.all
    package var resamples = 1_000
    package var seed: UInt64 = 1
    /// A user nobody heard of for so long is forgotten, in milliseconds.
    package var timeToLiveMs: Int64 = 30 * 86_400_000
    /// Clicks of a user that are remembered, the newest.
    package var historyLength = 50
    /// Whether baselines leave out what is remembered of the user, as what is judged may do.
    package var excludesSeen = false
    /// Windows at most; then every two become one.
    package var windows = 100
    package var examples = 12

    package init() {}
  }

  /// A click as it passes.
  package struct Observed: Sendable {
    package var user: String
    package var item: String
    package var timestampMs: Int64?
    /// Whether it counts; what does not is learned from by all baselines, the frozen ones too.
    package var isJudged: Bool
    /// What was suggested after it.
    package var suggested: [StreamReport.Example.Item]?

    package init(
      user: String,
      item: String,
      timestampMs: Int64?,
      isJudged: Bool,
      suggested: [StreamReport.Example.Item]?
    ) {
      self.user = user
      self.item = item
      self.timestampMs = timestampMs
      self.isJudged = isJudged
      self.suggested = suggested
    }
  }

  private struct Trace: Sendable {
    let number: Int32
    var history: [Int32] = []
    var length = 0
    /// Whether any of its clicks was judged.
    var isJudged = false
    var suggested: [Int32]?
    var shown: [StreamReport.Example.Item] = []
    var seenMs: Int64 = .min
  }

  private let options: Options
  /// Those that the model was trained with first, so that what is suggested numbers none: baselines
  /// break ties by number.
  private var items: Numbering
  private let known: Int
  private var clicks: [Int]
  private var users: [String: Trace] = [:]
  /// Users that are remembered just now.
  package var userCount: Int { users.count }
  private var begun: Int32 = 0
  private var sessions = 0
  private var sweptMs = Int64.min
  private var passed = 0
  private var unanswered = 0
  private var baselines: [(baseline: any Baseline, isUpdated: Bool)] = []
  private var hasLearned = false
  private var rows: [RowTally]
  private var bootstrap: StreamBootstrap
  private var totals: ResampledSum
  private var sliceTotals: [ResampledSum]
  private var sliceEvents = [Int](repeating: 0, count: StreamSlice.all.count)
  private var windows: [StreamReport.Window] = []
  private var windowEvents = 0
  private var perWindow = 64
  private var lastMs: Int64?
  private var examples: [StreamReport.Example] = []
  private var random: SplitMix64
  private var fingerprint = FNVHash()

  /// - Parameters:
  ///   - name: What the first row is called.
  ///   - options: What stands beside it, and how.
  ///   - catalogue: The items that the model was trained with.
  package init(name: String, options: Options, catalogue: some Sequence<String>) {
    self.options = options
    items = Numbering(sorting: catalogue)
    known = items.ids.count
    clicks = [Int](repeating: 0, count: known)
    bootstrap = StreamBootstrap(resamples: options.resamples, seed: options.seed)
    totals = ResampledSum(bootstrap.resamples)
    sliceTotals = Array(repeating: totals, count: StreamSlice.all.count)
    random = SplitMix64(seed: options.seed)
    let kinds: [any Baseline] =
      switch options.baselines {
      case .none: []
      case .counts: [Popularity(), TransitionCounts()]
      case .all: Baselines.all
      }
    baselines = kinds.map { ($0, false) } + kinds.map { ($0, true) }
    rows = [RowTally(name: name, resamples: bootstrap.resamples)]
    rows += baselines.map { baseline, isUpdated in
      RowTally(
        name: baseline.name + (isUpdated ? ", updated" : ", frozen"),
        resamples: bootstrap.resamples
      )
    }
  }

  /// Events judged so far.
  package var events: Int { rows[0].all.total }
  /// HR@20 of the first row so far.
  package var hitRate: Double { rows[0].all.mean(RankMetric(.hitRate, cutoff: 20)) }

  /// Forgets a user.
  package mutating func forget(_ user: String) { users[user] = nil }

  /// Judges a click by what was suggested before it, and learns from it.
  package mutating func observe(_ click: Observed) {
    let item = number(of: click.item)
    var trace = users.removeValue(forKey: click.user)
    if let timestampMs = click.timestampMs {
      if let seenMs = trace?.seenMs, seenMs > .min, timestampMs - seenMs >= options.timeToLiveMs {
        trace = nil
      }
      sweep(timestampMs)
    }
    if trace == nil {
      trace = Trace(number: begun)
      begun += 1
    }
    guard var trace else { return }
    if click.isJudged, trace.length > 0 {
      judge(click, item, trace)
      if !trace.isJudged { sessions += 1 }
      trace.isJudged = true
    }
    for row in baselines.indices where baselines[row].isUpdated || !click.isJudged {
      baselines[row].baseline.learn(item, session: trace.number, history: trace.history[...])
    }
    if !click.isJudged { hasLearned = true }
    clicks[Int(item)] += 1
    passed += 1
    trace.history.append(item)
    if trace.history.count > options.historyLength { trace.history.removeFirst() }
    trace.length += 1
    trace.seenMs = max(trace.seenMs, click.timestampMs ?? trace.seenMs)
    trace.suggested = click.suggested.map { list in list.map { number(of: $0.id) } }
    trace.shown = click.suggested.map { Array($0.prefix(5)) } ?? []
    users[click.user] = trace
  }

  private mutating func number(of id: String) -> Int32 {
    let number = items.number(of: id)
    if Int(number) == clicks.count { clicks.append(0) }
    return number
  }

  private mutating func sweep(_ nowMs: Int64) {
    if sweptMs == .min { sweptMs = nowMs }
    if nowMs - sweptMs < max(1, options.timeToLiveMs / 4) { return }
    sweptMs = nowMs
    users = users.filter { nowMs - $0.value.seenMs < options.timeToLiveMs }
  }

  private mutating func judge(_ click: Observed, _ item: Int32, _ trace: Trace) {
    let members = StreamSlice.indices(
      history: trace.length,
      clicks: clicks[Int(item)],
      isKnown: Int(item) < known,
      timestampMs: click.timestampMs
    )
    bootstrap.draw(unit: click.user)
    totals.add(1, bootstrap.weights)
    for slice in members {
      sliceTotals[slice].add(1, bootstrap.weights)
      sliceEvents[slice] += 1
    }
    if trace.suggested == nil { unanswered += 1 }
    for row in rows.indices {
      let list =
        row == 0 ? trace.suggested ?? [] : answer(of: row - 1, after: trace.history)
      let rank = list.firstIndex(of: item)
      rows[row].add(rank, slices: members, weights: bootstrap.weights)
      rows[row].lists.add(list, history: trace.history, clicks: clicks, total: passed)
      if row == 0 { keep(click, trace, rank) }
    }
    for text in [click.user, click.item] {
      fingerprint.add(text)
      fingerprint.add(0xFF)  // which is in no text
    }
    lastMs = click.timestampMs ?? lastMs
    windowEvents += 1
    if windowEvents == perWindow { closeWindow() }
  }

  private mutating func answer(of baseline: Int, after history: [Int32]) -> [Int32] {
    let seen = options.excludesSeen ? Set(history) : []
    let list = baselines[baseline].baseline
      .suggest(after: history[...], count: RankCounts.depth + seen.count)
    return Array(list.lazy.filter { !seen.contains($0) }.prefix(RankCounts.depth))
  }

  private mutating func closeWindow() {
    windows.append(StreamReport.Window(events: windowEvents, untilMs: lastMs))
    windowEvents = 0
    for row in rows.indices { rows[row].closeWindow() }
    if windows.count < options.windows || !windows.count.isMultiple(of: 2) { return }
    windows = stride(from: 0, to: windows.count - 1, by: 2).map { index in
      StreamReport.Window(
        events: windows[index].events + windows[index + 1].events,
        untilMs: windows[index + 1].untilMs
      )
    }
    for row in rows.indices { rows[row].mergeWindows() }
    perWindow *= 2
  }

  /// Keeps every event as an example with the same chance (reservoir sampling: Vitter 1985).
  private mutating func keep(_ click: Observed, _ trace: Trace, _ rank: Int?) {
    let place =
      examples.count < options.examples ? examples.count : random.below(max(1, events))
    if place >= options.examples { return }
    let example = StreamReport.Example(
      user: click.user,
      history: trace.history.suffix(10).map { items.ids[Int($0)] },
      suggested: trace.shown,
      clicked: click.item,
      rank: rank
    )
    if place == examples.count { examples.append(example) } else { examples[place] = example }
  }

  /// What was found out so far; `steps` says how often a suggestion took so many denoising steps,
  /// `provenances` how often it was made in which way.
  package func report(steps: [Int: Int], provenances: [String: Int]) -> StreamReport {
    var ended = self
    if windowEvents > 0 { ended.closeWindow() }
    let rows = ended.rows.indices.filter { row in
      // Who was to learn before, and had nothing to learn from, has nothing to say.
      row == 0 || hasLearned || baselines[row - 1].isUpdated
    }
    let lived = StreamSlice.all.indices.filter { sliceEvents[$0] > 0 }
    return StreamReport(
      clicks: passed,
      events: events,
      unanswered: unanswered,
      sessions: sessions,
      items: items.ids.count,
      fingerprint: String(fingerprint.value, radix: 16),
      seed: options.seed,
      resamples: bootstrap.resamples,
      rows: rows.map { row in
        ended.rows[row].row(
          items: items.ids.count,
          totals: totals,
          sliceTotals: sliceTotals,
          beside: row == 0 ? nil : ended.rows[0]
        )
      },
      windows: ended.windows,
      slices: lived.map { index in
        let slice = StreamSlice.all[index]
        return StreamReport.Slice(
          dimension: slice.dimension,
          name: slice.name,
          events: sliceEvents[index]
        )
      },
      examples: examples,
      steps: steps,
      provenances: provenances
    )
  }
}
