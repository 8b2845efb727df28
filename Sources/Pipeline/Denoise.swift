extension Pipeline {
  /// Walks each row from noise to the embedding of the item its user would like next.
  mutating func denoise(_ rows: inout Rows, _ turn: inout Turn) {
    let (conditions, keys, deadlinesNs) = (rows.conditions, rows.keys, rows.deadlinesNs)
    rows.generated = timed(.denoise, &turn) { pipeline, _ in
      pipeline.recommender.denoise(
        conditions: conditions,
        keys: keys,
        deadlinesNs: deadlinesNs,
        nowNs: pipeline.clock.monotonicNs,
      )
    }
  }
}
