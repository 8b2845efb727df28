internal import Diffusion
internal import Events
internal import Matching
internal import Sessions

extension Pipeline {
  /// Turns sessions into rows of item indices, leaving out those the model knows nothing of.
  mutating func batch(_ turn: inout Turn) -> Rows {
    timed(.batch, &turn) { pipeline, turn in
      let recommender = pipeline.recommender
      let deadlineNs = recommender.options.deadlineMs.map {
        pipeline.clock.monotonicNs() + UInt64($0) * 1_000_000
      }
      var rows = Rows()
      for (index, event) in turn.events.enumerated() {
        guard case .click(let click) = event, let view = turn.views[index] else { continue }
        var numbers: [Int32] = []
        numbers.reserveCapacity(view.items.count)
        for item in view.items {
          if let number = recommender.index(of: item) { numbers.append(number) }
        }
        // Those learned since have higher numbers than the catalogue's.
        let count = recommender.catalogue.count
        let known =
          numbers.allSatisfy { $0 < count } ? numbers : numbers.filter { $0 < count }
        turn.unknownItems += view.items.count - known.count
        if known.isEmpty { continue }
        rows.events.append(index)
        rows.previous.append(view.items.last ?? click.item)
        if recommender.options.excludesSeen { rows.seen.append(numbers) }
        rows.append(known, key: recommender.key(click, view.ordinal), recommender.length)
      }
      if recommender.options.learns { rows.appendLessons(of: turn, recommender) }
      if let deadlineNs {
        rows.deadlinesNs = Array(repeating: deadlineNs, count: rows.lengths.count)
      }
      return rows
    }
  }
}

extension Recommender {
  fileprivate func key(_ click: Click, _ ordinal: Int) -> NoiseKey {
    NoiseKey(
      seed: options.seed,
      user: stableHash(click.user),
      position: UInt64(max(0, ordinal))
    )
  }
}

extension Rows {
  fileprivate mutating func append(_ known: [Int32], key: NoiseKey, _ length: Int) {
    let recent = known.suffix(length)
    history.append(contentsOf: recent)
    lengths.append(Int32(recent.count))
    keys.append(key)
  }

  /// Sessions as they were before their latest click, which is what it teaches something about.
  ///
  /// Clicks that come late, or once more, teach nothing: a lesson may be lost with a worker, but is
  /// never learned twice.
  fileprivate mutating func appendLessons(of turn: Turn, _ recommender: Recommender) {
    for (index, event) in turn.events.enumerated() {
      guard case .click(let click) = event, let view = turn.views[index],
        view.outcome == .applied, view.items.count > 1, view.items.last == click.item
      else { continue }
      let before = view.items.dropLast()
      let known = before.compactMap { recommender.catalogue.index(of: $0) }
      lessons.append(
        LessonRow(
          event: index,
          row: known.isEmpty ? nil : lengths.count,
          previous: before[before.endIndex - 1],
          item: click.item
        )
      )
      if known.isEmpty { continue }
      append(known, key: recommender.key(click, view.ordinal - 1), recommender.length)
    }
  }
}
