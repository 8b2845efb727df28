/// Why Redis did not do what it was asked, and what the caller may do next.
package struct RedisFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the caller may do next: the same again on a new connection, or nothing before a person
  /// has changed something.
  package enum Remedy: Equatable, Sendable { case retry, stop }

  package let remedy: Remedy
  package let reason: String

  package init(remedy: Remedy, reason: String) {
    self.remedy = remedy
    self.reason = reason
  }

  package var description: String { reason }

  /// What an error reply means, by the code it starts with.
  ///
  /// Only what passes by itself is worth a retry: a server that starts, fails over, is busy with a
  /// script or is out of memory.
  package init(reply message: String) {
    let code = Self.code(of: message)
    switch code {
    case "MOVED", "ASK":
      self.init(
        remedy: .stop,
        reason: "this Redis server is a node of a cluster and the key lives on another node; "
          + "name the cluster, as cluster://host:port (\(message))"
      )
    case _ where Self.passing.contains(code) || message.hasPrefix("ERR max number of clients"):
      self.init(remedy: .retry, reason: "Redis refused for now: \(message)")
    default:
      self.init(remedy: .stop, reason: "Redis refused: \(message)")
    }
  }

  /// The first word of an error reply, such as `WRONGTYPE`.
  package static func code(of message: String) -> String {
    String(message.prefix { $0 != " " })
  }

  private static let passing: Set = [
    "LOADING", "READONLY", "BUSY", "OOM", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF",
    "NOREPLICAS", "NOSCRIPT",
  ]
}
