extension Pipeline {
  /// Reads each session once into the vector that conditions its denoising.
  mutating func encode(_ rows: inout Rows, _ turn: inout Turn) {
    let (history, lengths) = (rows.history, rows.lengths)
    rows.conditions = timed(.encode, &turn) { pipeline, _ in
      pipeline.recommender.encode(history: history, lengths: lengths)
    }
  }
}
