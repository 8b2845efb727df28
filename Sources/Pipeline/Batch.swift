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
        let known = view.items.compactMap { recommender.catalogue.index(of: $0) }
        turn.unknownItems += view.items.count - known.count
        if known.isEmpty { continue }
        let recent = known.suffix(recommender.length)
        rows.events.append(index)
        rows.history.append(contentsOf: recent)
        rows.lengths.append(Int32(recent.count))
        if recommender.options.excludesSeen { rows.seen.append(known) }
        rows.keys.append(
          NoiseKey(
            seed: recommender.options.seed,
            user: stableHash(click.user),
            position: UInt64(max(0, view.ordinal)),
          )
        )
        if let deadlineNs { rows.deadlinesNs.append(deadlineNs) }
      }
      return rows
    }
  }
}
