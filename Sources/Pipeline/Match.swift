internal import Diffusion
internal import Events
internal import Matching
internal import Network
internal import Sessions

extension Pipeline {
  /// Finds the items nearest to each generated embedding; popular ones stand in where there is
  /// none.
  mutating func match(_ rows: inout Rows, _ turn: inout Turn) {
    let rows = rows
    // Without the rows of lessons.
    let oracles = rows.generated.oracles.prefix(rows.events.count * rows.generated.width)
    timed(.match, &turn) { pipeline, turn in
      turn.suggestions = Array(repeating: nil, count: turn.events.count)
      pipeline.recommender.match(oracles.span, after: rows.previous, seen: rows.seen)
      let because = pipeline.recommender.causes(of: rows)
      for (row, index) in rows.events.enumerated() where rows.generated.isFinite(row) {
        turn.suggestions[index] = pipeline.suggestion(
          index,
          turn,
          pipeline.recommender.matches(row),
          rows,
          row
        )
        if !because.isEmpty { turn.suggestions[index]?.explain(because[row]) }
      }
      let notFinite = Set(rows.events)
      for index in turn.events.indices where turn.suggestions[index] == nil {
        let why = notFinite.contains(index) ? Recommender.notFinite : Recommender.noKnownItem
        turn.suggestions[index] = pipeline.fallback(index, turn, why)
      }
    }
  }

  private func suggestion(
    _ index: Int,
    _ turn: Turn,
    _ matches: ArraySlice<Match>,
    _ rows: Rows,
    _ row: Int
  ) -> Suggestion? {
    let outcome = rows.generated.outcomes[row]
    var suggestion = suggestion(
      index,
      turn,
      matches,
      Suggestion.Generation(
        provenance: .diffusion,
        steps: outcome.steps,
        stoppedBy: outcome.stoppedBy.rawValue,
        guidance: recommender.guidance,
        seed: recommender.options.seed,
      )
    )
    if recommender.options.includesOracle {
      suggestion?.oracle = Array(rows.generated.oracle(row))
    }
    return suggestion
  }

  private func fallback(_ index: Int, _ turn: Turn, _ why: String) -> Suggestion? {
    guard let view = turn.views[index] else { return nil }
    let seen = recommender.options.excludesSeen ? view.items.compactMap(recommender.index) : []
    let recent = recommender.recent(after: view.items.last ?? "", seen: seen)
    return suggestion(
      index,
      turn,
      (recent.isEmpty ? recommender.popular(seen: seen) : recent)[...],
      Suggestion.Generation(
        provenance: recent.isEmpty ? .fallbackPopular : .fallbackRecent,
        steps: 0,
        stoppedBy: why,
        guidance: recommender.guidance,
        seed: recommender.options.seed,
      )
    )
  }

  private func suggestion(
    _ index: Int,
    _ turn: Turn,
    _ matches: ArraySlice<Match>,
    _ generation: Suggestion.Generation
  ) -> Suggestion? {
    guard case .click(let click) = turn.events[index], let view = turn.views[index] else {
      return nil
    }
    var generation = generation
    generation.lessons = recommender.lessons
    let names = recommender.names
    return Suggestion(
      user: click.user,
      source: .init(
        position: turn.records[index].position,
        eventID: click.eventID,
        timestampMs: click.timestampMs,
      ),
      items: matches.map { .init(id: names[$0.item], score: $0.score) },
      model: .init(name: recommender.manifest.name, version: recommender.manifest.version),
      generation: generation,
      sessionLength: view.items.count,
    )
  }
}

extension Suggestion {
  fileprivate mutating func explain(_ because: [[Cause]]) {
    for (index, causes) in zip(items.indices, because) { items[index].because = causes }
  }
}

extension Recommender {
  /// For each row and each of its items the clicks it rests on; empty when nobody asked.
  fileprivate mutating func causes(of rows: Rows) -> [[[Suggestion.Cause]]] {
    if options.causes == 0 { return [] }
    var start = 0
    let sessions = rows.events.indices.map { row in
      let end = start + Int(rows.lengths[row])
      defer { start = end }
      return Explained(
        history: Array(rows.history[start..<end]),
        key: rows.keys[row],
        items: rows.generated.isFinite(row) ? matches(row).map(\.item) : []
      )
    }
    let ids = catalogue.ids
    return zip(sessions, explain(sessions)).map { session, explanations in
      explanations.map { explanation in
        explanation.causes(options.causes).map {
          Suggestion.Cause(
            id: ids[Int(session.history[$0])],
            weight: explanation.attributions[$0]
          )
        }
      }
    }
  }
}
