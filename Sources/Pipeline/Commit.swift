internal import Events

extension Pipeline {
  /// Waits until everything published is stored, and only then says that the batch is done.
  mutating func commit(_ turn: inout Turn, epoch: Int) throws(Interruption) {
    var next: [Partition: Position] = [:]
    for record in turn.records {
      var position = record.position
      position.offset += 1
      next[Partition(position)] = position
    }
    let positions = Array(next.values)
    try timed(.commit, &turn) { pipeline, turn throws(Interruption) in
      try pipeline.persist(&turn, epoch: epoch) { pipeline, _ throws(PipelineFailure) in
        try pipeline.sink.flush()
      }
      // A batch whose partitions went away meanwhile is no longer ours to commit.
      if pipeline.source.assignmentEpoch != epoch { throw .abandoned(.partitionsMoved) }
      try pipeline.persist(&turn, epoch: epoch) { pipeline, _ throws(PipelineFailure) in
        try pipeline.source.commit(next: positions)
      }
    }
  }
}
