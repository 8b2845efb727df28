internal import Events
internal import Matching
internal import Sessions

extension Pipeline {
  /// Finds the items nearest to each generated embedding, and falls back to popular ones where none
  /// could be generated.
  mutating func match(_ rows: inout Rows, _ turn: inout Turn) {
    timed(.match, &turn) { pipeline, turn in
      let matches = pipeline.recommender.match(rows)
      for (row, index) in rows.events.enumerated() {
        turn.suggestions[index] = pipeline.suggestion(
          index,
          turn,
          found: rows.generated.isFinite(row) ? .generated(matches[row], row, rows) : .notFinite
        )
      }
      for index in turn.events.indices where turn.suggestions[index] == nil {
        turn.suggestions[index] = pipeline.suggestion(index, turn, found: .noKnownItem)
      }
    }
  }
}
