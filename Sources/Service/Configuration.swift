package import Logging

/// What the worker is told, checked as a whole; made by ``load(file:overrides:environment:)``.
package struct Configuration: Sendable {
  package internal(set) var kafka = Kafka()
  package internal(set) var topics = Topics()
  package internal(set) var redis = Redis()
  package internal(set) var sessions = Sessions()
  package internal(set) var model = Model()
  package internal(set) var batch = Batch()
  package internal(set) var generate = Generate()
  package internal(set) var suggest = Suggest()
  package internal(set) var learn = Learn()
  package internal(set) var events = Events()
  package internal(set) var delivery = Delivery()
  package internal(set) var faults = Faults()
  package internal(set) var shutdown = Shutdown()
  package internal(set) var http = HTTP()
  package internal(set) var log = Log()
  package internal(set) var worker = Worker()
  /// What is allowed and yet should be looked at, one sentence each.
  package internal(set) var warnings: [String] = []

  package struct Kafka: Sendable {
    package enum Brokers: Equatable, Sendable {
      /// A mock cluster in this process.
      case embedded
      /// `host:port`, with commas between.
      case list(String)
    }

    package internal(set) var brokers = Brokers.embedded
    package internal(set) var group = "dreamstream"
    var shared = KafkaProperties()
    var consumer = KafkaProperties()
    var producer = KafkaProperties()

    /// librdkafka properties of the consumer, as given; those for consumers win over the shared.
    package var consumerProperties: [String: String] {
      shared.values.merging(consumer.values) { $1 }
    }
    /// librdkafka properties of the producer, as given; those for producers win over the shared.
    package var producerProperties: [String: String] {
      shared.values.merging(producer.values) { $1 }
    }
  }

  package struct Topics: Sendable {
    package internal(set) var clicks = "clicks"
    package internal(set) var suggestions = "suggestions"
    package internal(set) var deadLetters = "clicks.dlq"
    package internal(set) var create = false
    package internal(set) var partitions = 4
  }

  package struct Redis: Sendable {
    package enum Endpoint: Equatable, Sendable {
      /// A store in this process, gone when it ends.
      case embedded
      case tcp(host: String, port: Int, database: Int)
      case unix(path: String, database: Int)
      /// Some nodes of a cluster, which know the others.
      case cluster([Node])
    }

    package struct Node: Equatable, Sendable {
      package var host: String
      package var port: Int
    }

    package internal(set) var endpoint = Endpoint.embedded
    package internal(set) var user: String?
    package internal(set) var password: Secret?
    package internal(set) var prefix = "dreamstream"
    package internal(set) var connectTimeoutMs: Int64 = 1_000
    package internal(set) var commandTimeoutMs: Int64 = 1_000
  }

  package struct Sessions: Sendable {
    package internal(set) var maxLength = 50
    package internal(set) var slack = 256
    package internal(set) var ttlMs: Int64 = 30 * 86_400_000
    package internal(set) var latenessMs: Int64 = 86_400_000
  }

  package struct Model: Sendable {
    package internal(set) var directory = "model"
  }

  package struct Batch: Sendable {
    package internal(set) var maxSize = 256
    package internal(set) var maxDelayMs: Int64 = 5
  }

  package struct Generate: Sendable {
    package enum Sampler: String, CaseIterable, Sendable { case auto, folded, ddim, ddpm }

    package struct Stop: Sendable {
      /// 0: never.
      package internal(set) var relativeChange: Float?
      package internal(set) var patience: Int?
    }

    package internal(set) var sampler = Sampler.auto
    /// `nil`: the model's own.
    package internal(set) var steps: Int?
    /// `nil`: the model's own.
    package internal(set) var guidance: Float?
    package internal(set) var seed: UInt64 = 0
    package internal(set) var stop = Stop()
    /// 0: none.
    package internal(set) var deadlineMs: Int64 = 0
  }

  package struct Suggest: Sendable {
    package internal(set) var count = 20
    package internal(set) var excludeSeen = false
    package internal(set) var allowFile: String?
    package internal(set) var denyFile: String?
    package internal(set) var includeOracle = false
    package internal(set) var because = 0
  }

  package struct Learn: Sendable {
    package internal(set) var liveItems = false
  }

  package struct Events: Sendable {
    package internal(set) var types = ["click"]
    package internal(set) var maxBytes = 65_536
  }

  package struct Delivery: Sendable {
    package enum Mode: String, CaseIterable, Sendable {
      case auto
      case exactlyOnce = "exactly-once"
      case atLeastOnce = "at-least-once"
    }

    package internal(set) var mode = Mode.auto
    /// `nil`: group and worker's name.
    package internal(set) var transactionalID: String?
    package internal(set) var transactionTimeoutMs: Int64 = 10_000
  }

  /// Whether suggestions and offsets are committed in transactions.
  package var isTransactional: Bool {
    // The embedded broker takes transactions and forgets their offsets.
    delivery.mode == .exactlyOnce || (delivery.mode == .auto && kafka.brokers != .embedded)
  }

  /// How long each step of a transaction is waited for, in milliseconds.
  ///
  /// Well within the transaction's own time, and short whatever that is: a worker that is asked to
  /// stop may have to wait for three of them.
  var transactionStepMs: Int64 { min(delivery.transactionTimeoutMs / 2, 2_500) }

  package struct Faults: Sendable {
    package internal(set) var fatalAfterMs: Int64 = 60_000
  }

  package struct Shutdown: Sendable {
    package internal(set) var budgetMs: Int64 = 10_000
  }

  package struct HTTP: Sendable {
    package internal(set) var host = "127.0.0.1"
    /// `nil`: no server; 0: any free port.
    package internal(set) var port: Int? = 9_464
  }

  package struct Log: Sendable {
    package enum Format: String, CaseIterable, Sendable { case json, text }

    package internal(set) var level = Logger.Level.info
    package internal(set) var format = Format.json
  }

  package struct Worker: Sendable {
    package internal(set) var name = ""
    package internal(set) var pipelines = 1
  }
}

extension Configuration: CustomStringConvertible {
  /// Every setting and its value, one a line, secrets masked.
  package var description: String {
    Settings.all.flatMap { $0.shown(self) }.map { "\($0.key) = \($0.text)" }
      .joined(separator: "\n")
  }
}
