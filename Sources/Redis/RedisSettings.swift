/// How to reach a Redis server, and as whom.
package struct RedisSettings: Equatable, Sendable {
  package enum Address: Hashable, Sendable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    package var description: String {
      switch self {
      case .tcp(let host, let port): "\(host):\(port)"
      case .unix(let path): path
      }
    }
  }

  package var address: Address
  /// Nodes of a cluster, of which one has to know the others; empty for a server by itself.
  package var cluster: [Address]
  /// For each address the host resolves to, in milliseconds.
  package var connectTimeoutMs: Int
  /// Without a byte from the server, or without it taking one, in milliseconds.
  package var commandTimeoutMs: Int
  /// An ACL user; `nil` is the server's default user.
  package var user: String?
  package var password: RedisPassword?
  package var database: Int
  /// What `CLIENT LIST` shows.
  package var clientName: String?

  package init(
    address: Address,
    connectTimeoutMs: Int = 1_000,
    commandTimeoutMs: Int = 1_000,
    user: String? = nil,
    password: RedisPassword? = nil,
    database: Int = 0,
    clientName: String? = nil,
    cluster: [Address] = []
  ) {
    self.address = address
    self.cluster = cluster
    self.connectTimeoutMs = connectTimeoutMs
    self.commandTimeoutMs = commandTimeoutMs
    self.user = user
    self.password = password
    self.database = database
    self.clientName = clientName
  }
}

/// A password: it reaches the server, and no log.
package struct RedisPassword: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
  let text: String

  package init(_ text: String) { self.text = text }

  package var description: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
