import Foundation

/// The broker that all tests of a process share, started when the first of them asks.
///
/// Topics are kept apart by unique names. A broker named in `KAFKA_BROKERS` is used instead.
package enum SharedBroker {
  /// The process, unless somebody else's broker is used.
  package static var process: BrokerProcess? {
    get throws {
      if ProcessInfo.processInfo.environment["KAFKA_BROKERS"] != nil { return nil }
      return try started.get()
    }
  }

  /// What clients set as `bootstrap.servers`.
  package static func bootstrap() throws -> String {
    if let process = try process { return process.address }
    return ProcessInfo.processInfo.environment["KAFKA_BROKERS"] ?? ""
  }

  /// A name that no other test uses, nor another run against the same broker.
  package static func uniqueName(_ prefix: String) -> String {
    "\(prefix)-\(UUID().uuidString.prefix(8).lowercased())"
  }

  private static let started = Result<BrokerProcess, any Error> { try BrokerProcess() }
}
