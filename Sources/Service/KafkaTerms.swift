package import Events
package import Kafka
internal import Pipeline

/// What Kafka's wrapper says, as the pipeline says it.
extension PipelineFailure {
  init(_ failure: KafkaFailure) {
    let remedy: Remedy =
      switch failure.remedy {
      case .retry: .retry
      case .rewind: .again
      case .skip, .stop: .stop
      }
    self.init(remedy: remedy, dependency: .kafka, reason: failure.description)
  }
}

extension Record {
  package init(_ delivery: Delivery) {
    self.init(
      position: Position(
        topic: delivery.topic,
        partition: delivery.partition,
        offset: delivery.offset
      ),
      key: delivery.key,
      value: delivery.value,
      timestampMs: delivery.timestampMs,
      headers: delivery.headers.map { Header($0.name, $0.value) },
    )
  }
}

extension Partition {
  init(_ partition: TopicPartition) {
    self.init(topic: partition.topic, number: partition.partition)
  }

  var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: number) }
}

extension Membership {
  init(_ member: GroupMember) {
    self.init(
      group: member.group,
      generation: member.generation,
      member: member.member,
      instance: member.instance
    )
  }
}

extension GroupMember {
  init(_ member: Membership) {
    self.init(
      group: member.group,
      generation: member.generation,
      member: member.member,
      instance: member.instance
    )
  }
}

extension TopicPartition {
  /// One offset for each partition.
  static func offsets(
    _ positions: [Position],
    uniquingWith choose: (Int64, Int64) -> Int64
  ) -> [TopicPartition: Int64] {
    Dictionary(positions.map { ($0.home.topicPartition, $0.offset) }, uniquingKeysWith: choose)
  }
}
