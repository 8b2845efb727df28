internal import Events

extension Pipeline {
  /// Makes what was published stick, and with it that the batch is done.
  mutating func commit(_ turn: inout Turn, epoch: Int) throws(Interruption) {
    var next: [Partition: Position] = [:]
    for record in turn.records {
      var position = record.position
      position.offset += 1
      next[position.home] = position
    }
    // What is read again for the sessions alone was committed before.
    let positions = next.values.filter { $0.offset > rebuilding[$0.home] ?? 0 }
    try timed(.commit, &turn) { pipeline, turn throws(Interruption) in
      if positions.isEmpty { return }
      if pipeline.source.assignmentEpoch != epoch { throw .abandoned(.partitionsMoved) }
      try pipeline.persist(&turn, epoch: epoch) { pipeline, _ throws(PipelineFailure) in
        try pipeline.sink.commit(next: positions, from: &pipeline.source)
      }
    }
    for (partition, position) in next {
      unmarked[partition] = position
      if let until = rebuilding[partition], position.offset >= until {
        rebuilding[partition] = nil
      }
    }
  }
}
