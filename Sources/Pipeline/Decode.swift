internal import Events

extension Pipeline {
  /// Reads every record; what cannot be read becomes a dead letter that says why.
  mutating func decode(_ turn: inout Turn) {
    timed(.decode, &turn) { pipeline, turn in
      let limits = ClickDecoder.Limits(maxBytes: pipeline.options.maxEventBytes)
      turn.events = turn.records.map { record in
        do throws(DecodingFailure) {
          switch try ClickDecoder.decode(record, limits: limits) {
          case .click(let click):
            return pipeline.options.countedTypes.contains(click.type) ? .click(click) : .ignored
          case .erase(let user):
            return .erase(user: user)
          }
        } catch {
          return .dead(DeadLetter(record: record, failure: error, worker: pipeline.options.worker))
        }
      }
    }
  }
}
