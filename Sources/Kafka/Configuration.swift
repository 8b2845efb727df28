import CRdkafka

/// What a client is for; decides which settings it starts from and which are not negotiable.
package enum ClientRole: Sendable {
  case consumer, producer, admin

  /// What applies unless the settings say otherwise.
  var defaults: [String: String] {
    switch self {
    // A message waits for its broker as long as the caller has patience, instead of expiring on a
    // clock of its own: a flush that times out may then simply be repeated.
    case .producer: ["enable.idempotence": "true", "message.timeout.ms": "0"]
    // Statistics are where a consumer says how far it is with joining its group.
    case .consumer: ["statistics.interval.ms": "5000"]
    case .admin: [:]
    }
  }

  /// What the wrapper stands on: another value would break its promises.
  var fixed: [String: String] {
    switch self {
    case .consumer:
      [
        "enable.auto.commit": "false", "enable.auto.offset.store": "false",
        // An end that was reached tells a partition with nothing to take from one that is stuck.
        "enable.partition.eof": "true",
      ]
    case .producer: ["delivery.report.only.error": "false"]
    case .admin: [:]
    }
  }

  var kind: rd_kafka_type_t { self == .consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER }
}

/// A setting that librdkafka, or this wrapper, will not take.
package struct RefusedSetting: Equatable, Sendable, CustomStringConvertible {
  /// `nil` when every setting is fine by itself, and they contradict each other.
  package let key: String?
  package let reason: String

  package var description: String {
    guard let key, !reason.contains(key) else { return reason }
    return "\(key): \(reason)"
  }
}

/// Whether this librdkafka has a property of that name.
package func isKnownProperty(_ name: String) -> Bool {
  let configuration = unsafe rd_kafka_conf_new()
  defer { unsafe rd_kafka_conf_destroy(configuration) }
  var size = 0
  return unsafe rd_kafka_conf_get(configuration, name, nil, &size) == RD_KAFKA_CONF_OK
}

/// Checks settings without connecting to anything.
///
/// - Returns: Every setting that would be refused, by key; empty when a client could be made.
package func refusedSettings(
  _ settings: [String: String],
  for role: ClientRole
) -> [RefusedSetting] {
  var configuration = Configuration(role)
  var refused = settings.sorted { $0.key < $1.key }.compactMap { key, value in
    configuration.set(key, to: value)
  }
  if refused.isEmpty {
    var offline = settings
    offline["bootstrap.servers"] = nil
    offline["metadata.broker.list"] = nil
    do {
      _ = try Client(offline, role: role, bridge: Bridge(log: nil))
    } catch {
      refused.append(RefusedSetting(key: nil, reason: error.reason))
    }
  }
  return refused
}

/// An `rd_kafka_conf_t` until a client takes it over.
@safe
struct Configuration: ~Copyable {
  private static let reasonLength = 512
  private let raw: OpaquePointer
  private let role: ClientRole

  init(_ role: ClientRole) {
    unsafe raw = rd_kafka_conf_new()
    self.role = role
    for (key, value) in role.defaults.merging(role.fixed, uniquingKeysWith: { $1 }) {
      _ = unsafe rd_kafka_conf_set(raw, key, value, nil, 0)
    }
  }

  init(_ settings: [String: String], role: ClientRole) throws(KafkaFailure) {
    self.init(role)
    for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
      guard let refused = set(key, to: value) else { continue }
      throw KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, reason: refused.description)
    }
  }

  deinit { unsafe rd_kafka_conf_destroy(raw) }

  /// Sets one value, or says why not.
  mutating func set(_ key: String, to value: String) -> RefusedSetting? {
    if let fixed = role.fixed[key] {
      if value == fixed { return nil }
      return RefusedSetting(key: key, reason: "is always \(fixed) here; remove it")
    }
    let (result, reason) = unsafe Self.withReason { text, length in
      unsafe rd_kafka_conf_set(raw, key, value, text, length)
    }
    return result == RD_KAFKA_CONF_OK ? nil : RefusedSetting(key: key, reason: reason)
  }

  /// Makes the client, which then owns the configuration: hence `consuming` and `discard`.
  ///
  /// `opaque` is a ``Bridge``, which the caller keeps alive for as long as the client.
  @unsafe
  consuming func makeClient(
    opaque: UnsafeMutableRawPointer
  ) throws(KafkaFailure) -> OpaquePointer {
    unsafe rd_kafka_conf_set_opaque(raw, opaque)
    unsafe rd_kafka_conf_set_log_cb(raw, Bridge.logCallback)
    unsafe rd_kafka_conf_set_error_cb(raw, Bridge.errorCallback)
    switch role {
    case .consumer:
      unsafe rd_kafka_conf_set_rebalance_cb(raw, RebalanceBridge.callback)
      unsafe rd_kafka_conf_set_stats_cb(raw, RebalanceBridge.statisticsCallback)
    case .producer: unsafe rd_kafka_conf_set_dr_msg_cb(raw, DeliveryReports.callback)
    case .admin: break
    }
    let kind = role.kind
    let (client, reason) = unsafe Self.withReason { text, length in
      unsafe rd_kafka_new(kind, raw, text, length)
    }
    guard let client = unsafe client else {
      _ = consume self
      throw KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, reason: reason)
    }
    discard self
    return unsafe client
  }

  /// Lends C a buffer to say in it what went wrong.
  private static func withReason<Result>(
    _ call: (UnsafeMutablePointer<CChar>?, Int) -> Result
  ) -> (Result, String) {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: reasonLength) { text in
      unsafe text.initialize(repeating: 0)
      let result = unsafe call(text.baseAddress, text.count)
      return unsafe (result, string(text))
    }
  }
}

/// The text that C left in a buffer, up to its terminator.
@unsafe
func string(_ text: UnsafeMutableBufferPointer<CChar>) -> String {
  unsafe String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
