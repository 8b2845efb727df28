extension Pipeline {
  /// Takes the next batch off the log.
  mutating func consume(_ turn: inout Turn) throws(PipelineFailure) {
    try timed(.consume, &turn) { pipeline, turn throws(PipelineFailure) in
      turn.records = try pipeline.source.poll(
        max: pipeline.options.maxBatch,
        firstWaitMs: pipeline.options.idleWaitMs,
        lingerMs: pipeline.options.maxDelayMs,
      )
    }
  }
}
