import CRdkafka

/// How far a consumer has come in a partition.
package struct PartitionProgress: Equatable, Sendable {
  package let topicPartition: TopicPartition
  /// The next offset to be taken; `nil` while nothing came and nothing was asked for.
  package let position: Int64?
  /// The offset that the next message to arrive will get; `nil` as long.
  package let end: Int64?

  /// Messages that wait to be taken; `nil` while that is not known.
  package var lag: Int64? {
    guard let position, let end else { return nil }
    return max(0, end - position)
  }

  /// The same, while what was taken from `offset` on is not done.
  package func undone(from offset: Int64?) -> Self {
    guard let offset else { return self }
    return Self(
      topicPartition: topicPartition,
      position: min(position ?? offset, offset),
      end: end
    )
  }
}

extension Consumer {
  /// The partitions that are ours just now.
  package var assignment: Set<TopicPartition> { bridge.assignment }

  /// Those of them that deliver nothing before they are admitted.
  package var arrived: Set<TopicPartition> { bridge.arrived }

  /// Grows whenever partitions come or go, so that a caller sees that its batch was abandoned.
  package var assignmentEpoch: Int { bridge.epoch }

  /// The last trouble librdkafka reported by itself, such as a refused connection.
  ///
  /// It stays after the trouble is over: librdkafka does not say when that is.
  package var lastError: KafkaFailure? { bridge.lastError }

  /// How far joining the group is, in librdkafka's words, seconds late: `steady` once it is done,
  /// with partitions or without; `nil` before that is known.
  package var joinState: String? { bridge.joinState }

  /// The name the group knows this member by; `nil` before it has joined.
  package var memberID: String? {
    guard let text = unsafe rd_kafka_memberid(client.raw) else { return nil }
    defer { unsafe rd_kafka_mem_free(client.raw, text) }

    let name = unsafe String(cString: text)
    return name.isEmpty ? nil : name
  }

  /// Remembers that everything before these offsets is done: for each partition the next to read.
  ///
  /// - Throws: `retry` if the group did not answer in time: what was committed is not known, and
  ///   may be committed again. `rewind` if a partition is no longer ours.
  package borrowing func commit(
    offsets: [TopicPartition: Int64],
    timeoutMs: Int
  ) throws(KafkaFailure) {
    if offsets.isEmpty { return }
    let strays = offsets.keys.filter { !bridge.assignment.contains($0) }
    if let stray = strays.min(by: { $0.description < $1.description }) {
      throw KafkaFailure(
        RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST,
        reason: "committing: \(stray) does not belong to this consumer any more",
      )
    }
    let list = PartitionList(offsets)
    // A queue of its own: the call that waits for the answer by itself does so without end.
    let queue = unsafe rd_kafka_queue_new(client.raw)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    try client.check(
      unsafe rd_kafka_commit_queue(client.raw, list.raw, queue, nil, nil),
      "committing"
    )
    guard let answer = unsafe rd_kafka_queue_poll(queue, timeout(ms: timeoutMs)) else {
      throw KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT).adding("committing")
    }
    defer { unsafe rd_kafka_event_destroy(answer) }
    try client.check(unsafe rd_kafka_event_error(answer), "committing")
    if let committed = unsafe rd_kafka_event_topic_partition_list(answer),
      let (partition, code) = unsafe firstFailure(in: committed)
    {
      try client.check(code, "committing \(partition)")
    }
  }

  /// Asks the group for the committed offsets of partitions; one without any is left out.
  package borrowing func committed(
    _ partitions: Set<TopicPartition>,
    timeoutMs: Int
  ) throws(KafkaFailure) -> [TopicPartition: Int64] {
    let list = PartitionList(partitions)
    try client.check(
      unsafe rd_kafka_committed(client.raw, list.raw, timeout(ms: timeoutMs)),
      "reading the committed offsets"
    )
    try check(list, "reading the committed offsets")
    return list.offsets
  }

  /// The next offset to be taken from each of our partitions; one not yet begun is left out.
  package borrowing func positions() throws(KafkaFailure) -> [TopicPartition: Int64] {
    let list = PartitionList(bridge.assignment)
    try client.check(unsafe rd_kafka_position(client.raw, list.raw), "reading the positions")
    return list.offsets
  }

  /// How far we have come in each of our partitions, without asking the broker.
  package borrowing func progress() throws(KafkaFailure) -> [PartitionProgress] {
    let positions = try positions()
    return bridge.assignment.map { partition in
      var low: Int64 = -1
      var high: Int64 = -1
      _ = unsafe rd_kafka_get_watermark_offsets(
        client.raw,
        partition.topic,
        partition.partition,
        &low,
        &high
      )
      return PartitionProgress(
        topicPartition: partition,
        position: begun(partition, positions) ?? bridge.asked[partition]?.start,
        end: [high < 0 ? nil : high, bridge.asked[partition]?.end].compactMap(\.self).max(),
      )
    }
  }

  /// Asks the brokers about our partitions from which neither a message nor the end came, for
  /// ``progress()``: such a partition begins where the group committed, or else with what is kept.
  ///
  /// While paused they are all of them, for none tells of what arrives in it.
  ///
  /// Waits up to `timeoutMs` for each of three answers, and not at all where every partition has
  /// begun.
  package borrowing func askAboutSilent(timeoutMs: Int) throws(KafkaFailure) {
    let positions = try positions()
    let silent = bridge.assignment.filter { bridge.isPaused || begun($0, positions) == nil }
    if silent.isEmpty { return }
    let committed = try committed(silent, timeoutMs: timeoutMs)
    let low = try firstOffsets(of: silent, timeoutMs: timeoutMs)
    let high = try endOffsets(of: silent, timeoutMs: timeoutMs)
    for partition in silent {
      guard let low = low[partition], let high = high[partition] else { continue }
      // What was committed long ago may no longer be kept.
      bridge.asked[partition] = (start: max(committed[partition] ?? low, low), end: high)
    }
  }

  /// The next offset to be taken, if a message or the end came.
  private borrowing func begun(
    _ partition: TopicPartition,
    _ positions: [TopicPartition: Int64]
  ) -> Int64? {
    [positions[partition], bridge.reached[partition]].compactMap(\.self).max()
  }

  /// The first offset that is kept of each partition.
  package borrowing func firstOffsets(
    of partitions: Set<TopicPartition>,
    timeoutMs: Int
  ) throws(KafkaFailure) -> [TopicPartition: Int64] {
    try offsets(Int64(RD_KAFKA_OFFSET_BEGINNING), of: partitions, timeoutMs: timeoutMs)
  }

  /// The offset that the next message to arrive in each partition will get, as far as its messages
  /// may be read.
  package borrowing func endOffsets(
    of partitions: Set<TopicPartition>,
    timeoutMs: Int
  ) throws(KafkaFailure) -> [TopicPartition: Int64] {
    try offsets(Int64(RD_KAFKA_OFFSET_END), of: partitions, timeoutMs: timeoutMs)
  }

  /// The first offset of each partition whose message is of `timeMs` or later: `Int64.max` where
  /// there is none that late, and nothing where the broker cannot tell.
  package borrowing func offsets(
    since timeMs: Int64,
    of partitions: Set<TopicPartition>,
    timeoutMs: Int
  ) throws(KafkaFailure) -> [TopicPartition: Int64] {
    let list = try ask(for: max(0, timeMs), of: partitions, timeoutMs: timeoutMs)
    var found = list.offsets
    let none = list.ends
    if none.isEmpty { return found }
    // A broker that knows nothing of times, such as the embedded one, has none however early.
    let early = try offsets(0, of: none, timeoutMs: timeoutMs)
    for partition in early.keys { found[partition] = .max }
    return found
  }

  /// The first offsets at a time, or at one of the numbers that stand for beginning and end.
  private borrowing func offsets(
    _ time: Int64,
    of partitions: Set<TopicPartition>,
    timeoutMs: Int
  ) throws(KafkaFailure) -> [TopicPartition: Int64] {
    try ask(for: time, of: partitions, timeoutMs: timeoutMs).offsets
  }

  private borrowing func ask(
    for time: Int64,
    of partitions: Set<TopicPartition>,
    timeoutMs: Int
  ) throws(KafkaFailure) -> PartitionList {
    let list = PartitionList(Dictionary(uniqueKeysWithValues: partitions.map { ($0, time) }))
    try client.check(
      unsafe rd_kafka_offsets_for_times(client.raw, list.raw, timeout(ms: timeoutMs)),
      "asking for offsets"
    )
    return list
  }

  /// Delivers again from these offsets; partitions that are not ours are passed over.
  ///
  /// - Throws: `retry` if the broker did not answer in time: until a call succeeds, where the next
  ///   message comes from is not known.
  package borrowing func rewind(
    to offsets: [TopicPartition: Int64],
    timeoutMs: Int
  ) throws(KafkaFailure) {
    let ours = offsets.filter { bridge.assignment.contains($0.key) }
    if ours.isEmpty { return }
    for partition in ours.keys { bridge.reached[partition] = nil }
    let list = PartitionList(ours)
    // Zero would mean "do not wait, and do not tell".
    let waitMs = max(1, timeout(ms: timeoutMs))
    if let error = unsafe rd_kafka_seek_partitions(client.raw, list.raw, waitMs) {
      throw unsafe KafkaFailure(consuming: error).adding("rewinding")
    }
    try check(list, "rewinding")
  }

  /// Lets partitions that arrived deliver, from an offset or from where the group is.
  ///
  /// - Throws: `retry` if the broker did not answer in time; none is admitted then.
  package borrowing func admit(
    _ starts: [TopicPartition: Int64?],
    timeoutMs: Int
  ) throws(KafkaFailure) {
    try rewind(to: starts.compactMapValues(\.self), timeoutMs: timeoutMs)
    bridge.arrived.subtract(starts.keys)
    if !bridge.isPaused { try resumeAll() }
  }

  /// Holds partitions back, as if they had just arrived.
  package borrowing func holdBack(_ partitions: Set<TopicPartition>) throws(KafkaFailure) {
    let ours = partitions.intersection(bridge.assignment)
    bridge.arrived.formUnion(ours)
    let list = PartitionList(ours)
    try client.check(unsafe rd_kafka_pause_partitions(client.raw, list.raw), "pausing")
  }

  /// Stops deliveries, of partitions yet to come as well: polling then only keeps us in the group.
  package borrowing func pauseAll() throws(KafkaFailure) {
    bridge.isPaused = true
    let list = PartitionList(bridge.assignment)
    try client.check(unsafe rd_kafka_pause_partitions(client.raw, list.raw), "pausing")
  }

  /// Lets deliveries go on where they stopped.
  package borrowing func resumeAll() throws(KafkaFailure) {
    bridge.isPaused = false
    let partitions = bridge.assignment.subtracting(bridge.arrived)
    let list = PartitionList(partitions)
    try client.check(unsafe rd_kafka_resume_partitions(client.raw, list.raw), "resuming")
    // librdkafka's thread of a broker it fetches nothing from looks after resumed partitions once a
    // second, unless it has something to do. Whether it is answered in time is all the same.
    if !partitions.isEmpty { _ = try? ask(for: 0, of: partitions, timeoutMs: 100) }
  }

  private borrowing func check(
    _ list: borrowing PartitionList,
    _ context: String
  ) throws(KafkaFailure) {
    guard let (partition, code) = list.failed else { return }
    try client.check(code, "\(context) \(partition)")
  }
}
