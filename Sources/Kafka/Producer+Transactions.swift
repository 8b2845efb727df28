import CRdkafka

/// Transactions; `transactional.id` names the producer across its lives.
///
/// Failures: `retry` when the broker did not answer in time, `rewind` when the transaction has to
/// be aborted, `stop` when a message was refused for good, and when this producer is of no more
/// use, which for ``KafkaFailure/isFenced`` means that a younger one took its name.
extension Producer {
  /// Makes this the only producer of its name, and ends what an older one left open.
  package borrowing func initTransactions(timeoutMs: Int) throws(KafkaFailure) {
    do throws(KafkaFailure) {
      try unsafe check(rd_kafka_init_transactions(client.raw, timeout(ms: timeoutMs)))
    } catch {
      throw client.explained(error)
    }
  }

  package borrowing func beginTransaction() throws(KafkaFailure) {
    try unsafe check(rd_kafka_begin_transaction(client.raw))
  }

  /// Adds to the transaction that the member's group is done with everything before `offsets`.
  package borrowing func sendOffsets(
    _ offsets: [TopicPartition: Int64],
    of member: GroupMember,
    timeoutMs: Int
  ) throws(KafkaFailure) {
    let list = PartitionList(offsets)
    let metadata = unsafe member.metadata
    defer { unsafe rd_kafka_consumer_group_metadata_destroy(metadata) }
    try unsafe check(
      rd_kafka_send_offsets_to_transaction(
        client.raw,
        list.raw,
        metadata,
        timeout(ms: timeoutMs)
      )
    )
  }

  /// Waits until everything sent is stored, and makes it visible.
  ///
  /// - Throws: `retry` when it is not known whether that happened.
  package borrowing func commitTransaction(timeoutMs: Int) throws(KafkaFailure) {
    try unsafe check(rd_kafka_commit_transaction(client.raw, timeout(ms: timeoutMs)))
  }

  package borrowing func abortTransaction(timeoutMs: Int) throws(KafkaFailure) {
    try unsafe check(rd_kafka_abort_transaction(client.raw, timeout(ms: timeoutMs)))
    _ = reports.takeFailure()
  }

  /// What went wrong with messages since the last call, if anything did.
  package borrowing func takeFailure() -> KafkaFailure? {
    serve()
    return reports.takeFailure()
  }

  @unsafe
  private borrowing func check(_ error: OpaquePointer?) throws(KafkaFailure) {
    guard let error = unsafe error else { return }
    let needsAbort = unsafe rd_kafka_error_txn_requires_abort(error) != 0
    let isRetriable = unsafe rd_kafka_error_is_retriable(error) != 0
    let failure = unsafe KafkaFailure(consuming: error)
    if failure.remedy == .stop, let fatal = client.fatalFailure() { throw fatal }
    // What became of the messages says more than that they are why; what nobody will ever store,
    // though the transaction can be aborted, is not worth another.
    if needsAbort { throw reports.takeFailure() ?? failure.with(remedy: .rewind) }
    throw isRetriable ? failure.with(remedy: .retry) : failure
  }
}

extension KafkaFailure {
  /// Whether a younger producer took this one's name, or the brokers gave its transaction up.
  package var isFenced: Bool {
    ["_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"].contains(code)
  }

  /// Whether the brokers no longer know the producer, or it lost count: a new one goes on.
  package var isProducerOver: Bool {
    [
      "_FATAL", "_INCONSISTENT", "UNKNOWN_PRODUCER_ID", "INVALID_PRODUCER_ID_MAPPING",
      "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_TXN_STATE", "_STATE",
    ].contains(code)
  }
}
