internal import Files
internal import Network
package import Pipeline
internal import Redis
internal import Sessions

extension RedisSettings {
  /// How to reach the Redis of the configuration.
  init(_ configuration: Configuration) throws(WorkerFailure) {
    let redis = configuration.redis
    let address: Address
    var database = 0
    var cluster: [Address] = []
    switch redis.endpoint {
    case .embedded: throw WorkerFailure(reason: "redis.address is embedded: there is no Redis")
    case .tcp(let host, let port, let number):
      address = .tcp(host: host, port: port)
      database = number
    case .unix(let path, let number):
      address = .unix(path: path)
      database = number
    case .cluster(let nodes):
      cluster = nodes.map { .tcp(host: $0.host, port: $0.port) }
      guard let first = cluster.first else {
        throw WorkerFailure(reason: "redis.address names no node of a cluster")
      }
      address = first
    }
    self.init(
      address: address,
      connectTimeoutMs: Int(redis.connectTimeoutMs),
      commandTimeoutMs: Int(redis.commandTimeoutMs),
      user: redis.user,
      password: redis.password.map { RedisPassword($0.reveal()) },
      database: database,
      clientName: configuration.worker.name.filter { $0 > " " && $0 <= "~" },
      cluster: cluster,
    )
  }
}

extension RedisSessions {
  /// The store that the configuration asks for; it connects when it is first used.
  package convenience init(_ configuration: Configuration) throws(WorkerFailure) {
    let settings = try RedisSettings(configuration)
    do throws(SessionFailure) {
      try self.init(
        settings: settings,
        prefix: configuration.redis.prefix,
        limits: configuration.sessionLimits
      )
    } catch {
      throw WorkerFailure(reason: error.reason)
    }
  }
}

extension Configuration {
  /// Properties that say how to reach the brokers, without those of a consumer or a producer.
  func connectionSettings(bootstrap: String) -> [String: String] {
    kafka.consumerProperties
      .filter { key, _ in
        [
          "security.", "sasl.", "ssl.", "enable.ssl", "enable.sasl", "broker.", "socket.",
          "client.dns",
          "api.version",
        ]
        .contains { key.hasPrefix($0) }
      }
      .merging(["bootstrap.servers": bootstrap, "client.id": worker.name]) { $1 }
  }

  /// What the recommender is told; the lists of items are read from their files.
  package func recommenderOptions() throws(RecommenderFailure) -> RecommenderOptions {
    var options = RecommenderOptions()
    switch generate.sampler {
    case .auto: options.sampler = nil
    case .folded: options.sampler = .folded
    case .ddim: options.sampler = .ddim
    case .ddpm: options.sampler = .ddpm
    }
    options.steps = generate.steps
    options.guidance = generate.guidance
    options.seed = generate.seed
    options.relativeChange = generate.stop.relativeChange
    options.patience = generate.stop.patience
    options.deadlineMs = generate.deadlineMs == 0 ? nil : generate.deadlineMs
    options.count = suggest.count
    options.excludesSeen = suggest.excludeSeen
    options.includesOracle = suggest.includeOracle
    options.causes = suggest.because
    options.learns = learn.liveItems
    options.allowed = try suggest.allowFile.map { path throws(RecommenderFailure) in
      try itemList(path, of: "suggest.allow_file")
    }
    options.denied =
      try suggest.denyFile.map { path throws(RecommenderFailure) in
        try itemList(path, of: "suggest.deny_file")
      } ?? []
    return options
  }

  private func itemList(
    _ path: String,
    of setting: String
  ) throws(RecommenderFailure) -> Set<String> {
    do throws(FileFailure) {
      var items: Set<String> = []
      var reader = try LineReader(path: path)
      while let line = try reader.next() {
        if !line.isEmpty { items.insert(String(decoding: line, as: UTF8.self)) }
      }
      return items
    } catch {
      throw RecommenderFailure(reason: "\(setting): \(error)")
    }
  }
}
