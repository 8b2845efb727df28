import CRdkafka

/// An `rd_kafka_topic_partition_list_t` of our own.
@safe
struct PartitionList: ~Copyable {
  let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(_ partitions: some Collection<TopicPartition>) {
    unsafe raw = rd_kafka_topic_partition_list_new(Int32(clamping: partitions.count))
    for partition in partitions {
      unsafe rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition)
    }
  }

  init(_ offsets: [TopicPartition: Int64]) {
    unsafe raw = rd_kafka_topic_partition_list_new(Int32(clamping: offsets.count))
    for (partition, offset) in offsets {
      let element = unsafe rd_kafka_topic_partition_list_add(
        raw,
        partition.topic,
        partition.partition
      )
      unsafe element?.pointee.offset = offset
    }
  }

  deinit { unsafe rd_kafka_topic_partition_list_destroy(raw) }

  /// The real offsets, without the negative numbers that stand for "none".
  var offsets: [TopicPartition: Int64] {
    var result: [TopicPartition: Int64] = [:]
    unsafe forEach(in: raw) { partition, element in
      if unsafe element.offset >= 0 { result[partition] = unsafe element.offset }
    }
    return result
  }

  /// The partitions whose offset is the number that stands for the end.
  var ends: Set<TopicPartition> {
    var result: Set<TopicPartition> = []
    unsafe forEach(in: raw) { partition, element in
      let isFine = unsafe element.err == RD_KAFKA_RESP_ERR_NO_ERROR
      if unsafe isFine && element.offset == Int64(RD_KAFKA_OFFSET_END) { result.insert(partition) }
    }
    return result
  }

  /// The first partition that something went wrong with.
  var failed: (partition: TopicPartition, code: rd_kafka_resp_err_t)? {
    unsafe firstFailure(in: raw)
  }
}

/// The first partition of a list that something went wrong with.
@unsafe
func firstFailure(
  in list: UnsafePointer<rd_kafka_topic_partition_list_t>
) -> (partition: TopicPartition, code: rd_kafka_resp_err_t)? {
  var result: (TopicPartition, rd_kafka_resp_err_t)?
  unsafe forEach(in: list) { partition, element in
    if result == nil, unsafe element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
      result = unsafe (partition, element.err)
    }
  }
  return result
}

/// The partitions of a list that C lends us.
@unsafe
func partitions(
  in list: UnsafePointer<rd_kafka_topic_partition_list_t>
) -> [TopicPartition] {
  var result: [TopicPartition] = []
  unsafe forEach(in: list) { partition, _ in result.append(partition) }
  return result
}

@unsafe
private func forEach(
  in list: UnsafePointer<rd_kafka_topic_partition_list_t>,
  _ body: (TopicPartition, rd_kafka_topic_partition_t) -> Void
) {
  for index in 0..<Int(unsafe list.pointee.cnt) {
    let element = unsafe list.pointee.elems[index]
    let topic = unsafe String(cString: element.topic)
    unsafe body(TopicPartition(topic: topic, partition: element.partition), element)
  }
}
