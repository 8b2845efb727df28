internal import Kafka
internal import Network
internal import Pipeline

/// Whether everything a worker needs is there.
package enum Validation {
  package struct Check: Equatable, Sendable {
    package let isOK: Bool
    package let text: String
    /// Which settings to look at.
    package var advice: String?
  }

  private static let timeoutMs = 5_000
  private static let kafkaAdvice =
    "check kafka.brokers, and among kafka.properties security.protocol and sasl.*"
  private static let redisAdvice = "check redis.address, redis.user and redis.password"

  /// Looks at the model, the librdkafka properties, the brokers, the topics, Redis and the port.
  package static func run(_ configuration: Configuration) async -> [Check] {
    var checks = model(configuration)
    checks += properties(configuration)
    checks += brokers(configuration)
    checks.append(redis(configuration))
    if let port = await port(configuration) { checks.append(port) }
    return checks
  }

  private static func model(_ configuration: Configuration) -> [Check] {
    var checks: [Check] = []
    // The lists of items are files of their own, right or wrong without a model.
    var options = RecommenderOptions()
    do throws(RecommenderFailure) {
      options = try configuration.recommenderOptions()
    } catch {
      checks.append(Check(isOK: false, text: error.reason))
    }
    do throws(NetworkFailure) {
      let model = try ModelDirectory.load(configuration.model.directory)
      do throws(RecommenderFailure) {
        _ = try Recommender(model: model, options: options)
      } catch {
        return checks + [Check(isOK: false, text: "model: \(error.reason)")]
      }
      let shape = model.manifest.shape
      let text = "model: \(model.manifest.name), \(shape.items) items, \(model.manifest.version)"
      return checks + [Check(isOK: true, text: text)]
    } catch {
      let text = "model: \(error.reason); \(error.advice(directoryBy: "model.directory"))"
      return checks + [Check(isOK: false, text: text)]
    }
  }

  /// Whether librdkafka takes its properties; connects to nothing.
  package static func properties(_ configuration: Configuration) -> [Check] {
    let consumer = configuration.consumerSettings(bootstrap: "127.0.0.1:1")
    let producer = configuration.producerSettings(bootstrap: "127.0.0.1:1", pipeline: 0)
    let refused =
      refusedSettings(consumer, for: .consumer).map { "consumer: \($0)" }
      + refusedSettings(producer, for: .producer).map { "producer: \($0)" }
    if refused.isEmpty { return [Check(isOK: true, text: "kafka.properties: accepted")] }
    return refused.map { Check(isOK: false, text: "kafka.properties: \($0)") }
  }

  /// Whether the brokers answer, and have the topics.
  package static func brokers(_ configuration: Configuration) -> [Check] {
    guard case .list(let list) = configuration.kafka.brokers else {
      return [Check(isOK: true, text: "kafka: in this process")]
    }
    let settings = configuration.connectionSettings(bootstrap: list)
    if !refusedSettings(settings, for: .admin).isEmpty {
      let text = "brokers and topics: not looked at until kafka.properties is right"
      return [Check(isOK: false, text: text)]
    }
    do throws(KafkaFailure) {
      let admin = try Admin(settings: settings)
      let metadata = try admin.metadata(timeoutMs: timeoutMs)
      let found = Check(isOK: true, text: "kafka: \(metadata.brokers.joined(separator: ", "))")
      return [found]
        + configuration.topics.all.map { topic in
          if let partitions = metadata.partitions[topic], partitions > 0 {
            return Check(isOK: true, text: "topic \(topic): \(partitions) partitions")
          }
          if configuration.topics.create {
            return Check(isOK: true, text: "topic \(topic): the worker will make it")
          }
          return Check(
            isOK: false,
            text: "topic \(topic): it does not exist; make it, or set topics.create to true"
          )
        }
    } catch {
      return [Check(isOK: false, text: "kafka at \(list): \(error)", advice: kafkaAdvice)]
    }
  }

  /// Whether Redis answers.
  package static func redis(_ configuration: Configuration) -> Check {
    if configuration.redis.endpoint == .embedded {
      return Check(isOK: true, text: "redis: in this process, sessions end with it")
    }
    do {
      let nodes = try RedisSessions(configuration).ping()
      guard case .cluster = configuration.redis.endpoint else {
        return Check(isOK: true, text: "redis: answering")
      }
      return Check(isOK: true, text: "redis: a cluster, all its slots on \(nodes) nodes, answering")
    } catch {
      return Check(isOK: false, text: "redis: \(error)", advice: redisAdvice)
    }
  }

  /// Whether the port can be had; `nil` where none is asked for, or any will do.
  private static func port(_ configuration: Configuration) async -> Check? {
    let (host, port) = (configuration.http.host, configuration.http.port ?? 0)
    if port == 0 { return nil }
    do throws(HTTPFailure) {
      let endpoint = try await HTTPEndpoint(
        host: host,
        port: port,
        health: Health(nowMs: 0),
        metrics: WorkerMetrics(),
        nowMs: { 0 }
      )
      await endpoint.stop()
      return Check(isOK: true, text: "http.port: \(host):\(port) is free")
    } catch {
      return Check(isOK: false, text: "http.port: \(error.reason)")
    }
  }
}
