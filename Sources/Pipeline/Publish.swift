internal import Events

extension Pipeline {
  /// Hands every outcome to the sink: a suggestion for each click, a null for each erasure, the
  /// original bytes for each dead letter.
  mutating func publish(_ turn: inout Turn, epoch: Int) throws(Interruption) {
    try timed(.publish, &turn) { pipeline, turn throws(Interruption) in
      let nowMs = pipeline.clock.wallMs()
      for index in turn.events.indices {
        guard let message = pipeline.message(index, &turn, nowMs: nowMs) else { continue }
        try pipeline.persist(&turn, epoch: epoch) { pipeline, _ throws(PipelineFailure) in
          try pipeline.sink.send(message)
        }
      }
    }
  }

  private func message(_ index: Int, _ turn: inout Turn, nowMs: Int64) -> Message? {
    switch turn.events[index] {
    case .ignored, .rebuilt: return nil
    case .dead(let letter):
      return Message(
        destination: .deadLetters,
        key: letter.key,
        value: letter.value,
        headers: letter.headers
      )
    case .erase(let user):
      return Message(destination: .suggestions, key: Array(user.utf8), value: nil, headers: [])
    case .click(let click):
      guard let suggestion = turn.suggestions[index] else { return nil }
      // A click of long ago that is sent now has waited since now; one without a time says nothing.
      let sentMs = max(click.timestampMs, turn.records[index].timestampMs)
      let latencyMs = sentMs < 0 ? nil : max(0, nowMs - sentMs)
      if let latencyMs { turn.latencyMs.append(latencyMs) }
      let (value, shortened) = SuggestionEncoder.encode(
        suggestion,
        atMost: options.maxSuggestionBytes
      )
      return Message(
        destination: .suggestions,
        key: Array(click.user.utf8),
        value: value,
        headers: SuggestionHeaders.make(
          latencyMs: latencyMs,
          shortened: shortened,
          passingOn: turn.records[index].headers
        ),
      )
    }
  }
}
