import Diffusion
import Evaluation
import Network
import Pipeline
import Training

extension Study {
  /// Deletes the clicks that an explanation names, against the latest and against any.
  func explanations() throws(TrainingFailure) -> Report {
    var report = Report(
      "explanations",
      summary: """
        Deletion test: the first suggested item's score and place after one or two clicks of the \
        session are deleted: those the explanation names first, the latest, or any. All is scored \
        under another noise than the one that was explained. The larger the loss, the better the \
        choice. \(setting)
        """,
      columns: ["model", "deleted", "clicks", "score lost", "± 95 %", "still first"]
    )
    var series: [Plot.Series] = []
    for recipe in [Recipe.ours(), .ranked()] {
      let fitted = try fit(recipe)
      let chosen = Array(judged.filter { test.history($0).count >= 4 }.prefix(1_000))
      guard !chosen.isEmpty else { throw TrainingFailure("no session has four clicks to explain") }
      var recommender = try recommender(fitted)
      let sessions = recommender.explained(test, chosen)
      let named = recommender.explain(sessions).map { $0[0] }
      // Under the noise of the explanation the click it names loses most by how it was found.
      let others = sessions.map { $0.under(seed: 2) }
      let whole = recommender.explain(others).map { $0[0].score }
      for choice in Choice.allCases {
        var points: [Plot.Point] = []
        for count in [1, 2] {
          let rest = zip(others, named).enumerated().map { index, pair in
            let order = choice.order(pair.1, example: chosen[index])
            return pair.0.without(order.prefix(count))
          }
          let (scores, first) = recommender.first(rest, items: sessions.map { $0.items[0] })
          let lost = zip(whole, scores).map { Double($0 - $1) }
          let interval = Bootstrap(units: chosen.map { test.sequence($0) }, seed: 1).interval(lost)
          report.append([
            .text(fitted.name), .text(choice.rawValue), .number(Double(count), 0),
            .number(Bootstrap.mean(lost), 3),
            .number((interval.upperBound - interval.lowerBound) / 2, 3),
            .share(Double(first.count { $0 }) / Double(first.count)),
          ])
          points.append(
            Plot.Point(
              x: Double(count),
              y: Bootstrap.mean(lost),
              low: interval.lowerBound,
              high: interval.upperBound
            )
          )
        }
        series.append(Plot.Series(name: "\(fitted.name), \(choice.rawValue)", points: points))
      }
    }
    report.plots[""] = Plot(
      title: "Deletion of clicks on \(name)",
      x: .init(label: "clicks deleted", scale: .linear),
      y: .init(label: "score lost", scale: .linear),
      series: series
    )
    return report
  }

  private func recommender(_ fitted: Fitted) throws(TrainingFailure) -> Recommender {
    var options = RecommenderOptions()
    options.count = 1
    do throws(RecommenderFailure) {
      return try Recommender(model: fitted.model(items: dataset.items), options: options)
    } catch {
      throw TrainingFailure(error.reason)
    }
  }
}

/// Which clicks go first.
private enum Choice: String, CaseIterable {
  case named = "as explained"
  case latest = "the latest"
  case any = "any"

  func order(_ explanation: Explanation, example: Int) -> [Int] {
    let clicks = Array(explanation.attributions.indices)
    switch self {
    case .named:
      return clicks.sorted {
        (explanation.attributions[$1], $0) < (explanation.attributions[$0], $1)
      }
    case .latest: return clicks.reversed()
    case .any:
      let places = clicks.map { stableHash("deletion \(example) \($0)") }
      return clicks.sorted { places[$0] < places[$1] }
    }
  }
}

extension Recommender {
  /// Each example's session with the item that is suggested first for it.
  fileprivate mutating func explained(_ examples: Examples, _ chosen: [Int]) -> [Explained] {
    let sessions = chosen.map { example in
      Explained(
        history: Array(examples.history(example).suffix(length)),
        key: NoiseKey(seed: 1, user: UInt64(example), position: 0),
        items: []
      )
    }
    return zip(sessions, first(of: sessions)).map { session, item in
      var session = session
      session.items = [item ?? 0]
      return session
    }
  }

  /// What each shorter session gives an item, and whether the item is still first.
  fileprivate mutating func first(
    _ sessions: [Explained],
    items: [Int32]
  ) -> (scores: [Float], isFirst: [Bool]) {
    let best = first(of: sessions)
    let scores = zip(sessions, items).map { session, item in
      var session = session
      session.items = [item]
      return session
    }
    return (explain(scores).map { $0[0].score }, zip(best, items).map { $0 == $1 })
  }
}

extension Explained {
  fileprivate func under(seed: UInt64) -> Explained {
    var other = self
    other.key.seed = seed
    return other
  }

  fileprivate func without(_ clicks: ArraySlice<Int>) -> Explained {
    var rest = self
    rest.history = history.indices.filter { !clicks.contains($0) }.map { history[$0] }
    return rest
  }
}
