extension Pipeline {
  /// Takes the next batch off the log.
  mutating func consume(_ turn: inout Turn) throws(PipelineFailure) {
    try timed(.consume, &turn) { pipeline, turn throws(PipelineFailure) in
      // When it began: while it went on we may have been frozen.
      pipeline.polledMs = pipeline.monotonicMs()
      turn.records = try pipeline.source.poll(
        max: pipeline.options.maxBatch,
        firstWaitMs: pipeline.options.idleWaitMs,
        lingerMs: pipeline.options.maxDelayMs,
      )
    }
  }
}
