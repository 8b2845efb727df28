extension Pipeline {
  /// Walks each row from noise to the embedding of the item its user would like next.
  mutating func denoise(_ rows: inout Rows, _ turn: inout Turn) {
    rows.generated = timed(.denoise, &turn) { pipeline, _ in
      pipeline.recommender.denoise(
        conditions: rows.conditions,
        keys: rows.keys,
        deadlinesNs: rows.deadlinesNs,
        clock: pipeline.clock.monotonicNs,
      )
    }
  }
}
