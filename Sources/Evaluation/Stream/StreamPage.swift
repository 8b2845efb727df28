/// Reports of one or several replays as a page of HTML that needs nothing from elsewhere.
package struct StreamPage: Sendable {
  private static let plotted = 6

  private let title: String
  private let runs: [(name: String, report: StreamReport)]

  /// - Parameters:
  ///   - title: What stands above all.
  ///   - runs: By what they are called; the first is what the others are held against.
  package init(title: String, runs: [(name: String, report: StreamReport)]) {
    precondition(!runs.isEmpty, "a page is of something")
    self.title = title
    self.runs = runs
  }

  package var html: String {
    var page = HTML()
    summary(&page)
    for (name, report) in runs {
      if runs.count > 1 { page.heading(name) }
      page.paragraph(
        "\(report.clicks) clicks passed, \(report.events) were judged in \(report.sessions) "
          + "sessions; before \(report.unanswered) of them nothing had been suggested. What was "
          + "suggested after its user's click before is what an event is judged by; the baselines "
          + "answer at that very moment."
          + (report.model.map { " The model is version \($0)." } ?? "")
      )
      lists(report, &page)
      overTime(report, &page)
      slices(report, &page)
      costs(report, &page)
      examples(report, &page)
    }
    return page.page(title: title)
  }

  private func summary(_ page: inout HTML) {
    let comparison = StreamComparison(runs.map(\.report))
    page.heading("How good")
    page.paragraph(
      "In percent; below, 95 % intervals by resampling sessions, and differences to the first row."
    )
    page.table(
      ["recommender"] + RankMetric.all.map(\.title),
      comparison.rows.map { row in
        let name = runs.count > 1 ? "\(runs[row.run].name): \(row.name)" : row.name
        return [(name, "")]
          + RankMetric.all.map { metric in
            guard let value = row.metrics[metric.key] else { return ("–", "") }
            let less = row.differences[metric.key].map { "\n\($0.signed)" } ?? ""
            return (fixed(100 * value.mean, 2), value.interval + less)
          }
      }
    )
    for run in comparison.unpaired {
      page.paragraph(
        "\(runs[run].name) judged other events than \(runs[0].name), or resampled them otherwise: "
          + "their differences have no interval."
      )
    }
  }

  private func lists(_ report: StreamReport, _ page: inout HTML) {
    page.heading("What is suggested")
    page.table(
      ["first \(ListMeasures.cutoff) items"] + ListMeasures.titles.dropLast(),
      report.rows.map { row in [(row.name, "")] + row.lists.cells.dropLast().map { ($0, "") } }
    )
  }

  private func overTime(_ report: StreamReport, _ page: inout HTML) {
    page.heading("Over time")
    var ends: [Double] = []
    for window in report.windows { ends.append((ends.last ?? 0) + Double(window.events)) }
    let kinds: [(String, KeyPath<StreamReport.Point, Double>)] = [
      ("HR@20 in windows", \.hitRate), ("NDCG@20, older events fading", \.faded),
    ]
    // The first row, and the best others: more lines than these cannot be told apart.
    let best = report.rows.dropFirst()
      .sorted { $0.metrics["ndcg_20"]?.mean ?? 0 > $1.metrics["ndcg_20"]?.mean ?? 0 }
      .prefix(Self.plotted - 1)
    for (name, value) in kinds {
      let series = (report.rows.prefix(1) + best).map { row in
        Plot.Series(
          name: row.name,
          points: zip(ends, row.windows).map {
            Plot.Point(x: $0, y: 100 * $1[keyPath: value])
          }
        )
      }
      page.figure(
        Plot(
          title: name,
          x: Plot.Axis(label: "judged events"),
          y: Plot.Axis(label: "%"),
          series: series
        ).svg
      )
    }
  }

  private func slices(_ report: StreamReport, _ page: inout HTML) {
    for dimension in StreamSlice.Dimension.allCases where dimension != .all {
      let members = report.slices.indices.filter { report.slices[$0].dimension == dimension }
      if members.isEmpty { continue }
      page.heading("HR@20 by \(dimension.rawValue)")
      page.table(
        ["recommender"] + members.map { "\(report.slices[$0].name)" },
        [[("events", "")] + members.map { ("\(report.slices[$0].events)", "") }]
          + report.rows.map { row in
            [(row.name, "")]
              + members.map { index in
                guard let value = row.slices[index]["hr_20"] else { return ("–", "") }
                return (fixed(100 * value.mean, 2), value.interval)
              }
          }
      )
    }
  }

  private func costs(_ report: StreamReport, _ page: inout HTML) {
    page.heading("Denoising steps of a suggestion")
    page.bars(report.steps.sorted { $0.key < $1.key }.map { ("\($0.key)", $0.value) })
    page.bars(report.provenances.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    guard let timing = report.timing else { return }
    page.heading("Time of a batch")
    page.paragraph(
      "\(fixed(timing.clicksPerSecond, 0)) clicks a second; a click's batch took "
        + "\(fixed(timing.p50Ms, 1)) ms in the median, \(fixed(timing.p99Ms, 1)) ms at p99."
    )
    page.bars(timing.batches.map { ("\(fixed($0.ms, 1)) ms", $0.count) })
  }

  private func examples(_ report: StreamReport, _ page: inout HTML) {
    if report.examples.isEmpty { return }
    page.heading("Examples")
    page.table(
      ["session so far", "suggested", "clicked", "rank"],
      report.examples.map { example in
        let causes = example.suggested.filter { !$0.because.isEmpty }
          .map { "\($0.id) for \($0.because.joined(separator: ", "))" }
        return [
          (example.history.joined(separator: " "), "user \(example.user)"),
          (
            example.suggested.map(\.id).joined(separator: " "),
            causes.joined(separator: "; ")
          ),
          (example.clicked, ""),
          (example.rank.map { "\($0 + 1)" } ?? "not suggested", ""),
        ]
      }
    )
  }
}

extension QualityTable.Estimate {
  fileprivate var interval: String { "\(fixed(100 * low, 1))–\(fixed(100 * high, 1))" }
}
