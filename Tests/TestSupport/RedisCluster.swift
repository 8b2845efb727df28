import Foundation
package import Redis

/// A private Redis Cluster: three servers that share the slots, and one that follows the first if
/// asked for.
package final class RedisCluster: Sendable {
  package typealias Failure = RedisServer.Failure

  /// One for the whole process, for tests that keep to keys of their own and do not disturb it.
  package static var shared: RedisCluster {
    get throws { try sharedOrFailure.get() }
  }
  private static let sharedOrFailure = Result { try RedisCluster() }

  package static let masters = 3
  /// How long a node is silent before the others give it up.
  private static let nodeTimeoutMs = 1_000

  /// The masters at first, and then the replica.
  package let servers: [RedisServer]

  package init(hasReplica: Bool = false) throws {
    let count = Self.masters + (hasReplica ? 1 : 0)
    servers = try (0..<count).map { _ in
      try RedisServer(
        appendOnly: true,
        arguments: [
          "--cluster-enabled", "yes", "--cluster-node-timeout", "\(Self.nodeTimeoutMs)",
          "--cluster-replica-validity-factor", "0", "--cluster-require-full-coverage", "no",
          "--cluster-port", "\(Int.random(in: 20_000..<32_000))", "--repl-diskless-sync-delay", "0",
        ]
      )
    }
    for index in servers.indices {
      _ = try ask(index, ["CLUSTER", "SET-CONFIG-EPOCH", .integer(Int64(index + 1))])
      if index < Self.masters {
        let (first, last) = Self.slots(of: index)
        let range: [Argument] = [.integer(Int64(first)), .integer(Int64(last))]
        _ = try ask(index, ["CLUSTER", "ADDSLOTSRANGE"] + range)
      }
      if index > 0 { _ = try ask(index, try meeting(servers[0])) }
    }
    try awaitThat("the nodes to meet") { try servers.indices.allSatisfy { try known($0) == count } }
    if hasReplica {
      let id = try id(of: 0)
      try awaitThat("a replica") {
        (try? ask(Self.masters, ["CLUSTER", "REPLICATE", .text(id)])) != nil
      }
      try awaitThat("the replica to follow") {
        try info(Self.masters, "REPLICATION").contains("master_link_status:up")
      }
    }
    try awaitThat("the cluster to be up") {
      try servers.indices.allSatisfy { index in
        guard case .array(let ranges) = try ask(index, ["CLUSTER", "SLOTS"]) else { return false }
        let isUp = try text(ask(index, ["CLUSTER", "INFO"])).contains("cluster_state:ok")
        return ranges.count == Self.masters && isUp
      }
    }
  }

  /// Where to begin, with time for the nodes to settle.
  package var settings: RedisSettings {
    let places = servers.map { RedisSettings.Address.tcp(host: "127.0.0.1", port: $0.port) }
    return RedisSettings(
      address: places[0],
      connectTimeoutMs: 1_000,
      commandTimeoutMs: 2_000,
      cluster: places
    )
  }

  /// The master that a slot is given at first.
  package func owner(of key: String) -> Int {
    let slot = HashSlot.of(Array(key.utf8))
    return (0..<Self.masters).first { Self.slots(of: $0).last >= slot } ?? 0
  }

  /// Sends one command to one node; a refusal is thrown.
  @discardableResult
  package func ask(_ node: Int, _ command: [Argument]) throws -> Reply {
    try ask(node, [command])[0]
  }

  /// Sends commands to one node, over one connection.
  @discardableResult
  package func ask(_ node: Int, _ commands: [[Argument]]) throws -> [Reply] {
    let address = RedisSettings.Address.tcp(host: "127.0.0.1", port: servers[node].port)
    var connection = try Connection(RedisSettings(address: address, commandTimeoutMs: 5_000))
    let replies = try connection.pipeline(commands)
    for case .error(let message) in replies { throw Failure(description: message) }
    return replies
  }

  /// Begins to move the slot of a key to another node; no key moves yet.
  package func beginMove(of key: String, to target: Int) throws {
    let slot = Argument.integer(Int64(HashSlot.of(Array(key.utf8))))
    let source = owner(of: key)
    let (from, to) = (Argument.text(try id(of: source)), Argument.text(try id(of: target)))
    try ask(target, ["CLUSTER", "SETSLOT", slot, "IMPORTING", from])
    try ask(source, ["CLUSTER", "SETSLOT", slot, "MIGRATING", to])
  }

  /// Moves keys of a slot that is being moved.
  package func moveKeys(_ keys: [String], to target: Int) throws {
    let port = Argument.integer(Int64(servers[target].port))
    let command: [Argument] = ["MIGRATE", "127.0.0.1", port, "", 0, 5_000, "KEYS"]
    try ask(owner(of: keys[0]), command + keys.map { .text($0) })
  }

  /// Moves what is left of the slot of a key, and the slot.
  package func endMove(of key: String, to target: Int) throws {
    let slot = Argument.integer(Int64(HashSlot.of(Array(key.utf8))))
    let left = try ask(owner(of: key), ["CLUSTER", "GETKEYSINSLOT", slot, 10_000])
    if case .array(let keys) = left, !keys.isEmpty { try moveKeys(keys.map(text), to: target) }
    let to = Argument.text(try id(of: target))
    for node in [target, owner(of: key)] {
      try ask(node, ["CLUSTER", "SETSLOT", slot, "NODE", to])
    }
  }

  /// Waits until something is so, or throws.
  package func awaitThat(
    _ what: String,
    for patience: Duration = .seconds(20),
    _ isSo: () throws -> Bool
  ) throws {
    let deadline = ContinuousClock.now + patience
    while ContinuousClock.now < deadline {
      if try isSo() { return }
      Thread.sleep(forTimeInterval: 0.02)
    }
    throw Failure(description: "waited in vain for \(what)")
  }

  private static func slots(of master: Int) -> (first: Int, last: Int) {
    let bounds = (0...masters).map { $0 * HashSlot.count / masters }
    return (bounds[master], bounds[master + 1] - 1)
  }

  private func meeting(_ server: RedisServer) throws -> [Argument] {
    let bus = try text(ask(0, ["CONFIG", "GET", "cluster-port"]), last: true)
    let port = Argument.integer(Int64(server.port))
    return ["CLUSTER", "MEET", "127.0.0.1", port, .text(bus)]
  }

  private func known(_ node: Int) throws -> Int {
    try text(ask(node, ["CLUSTER", "NODES"])).split(separator: "\n")
      .count { !$0.contains("handshake") }
  }

  private func id(of node: Int) throws -> String { text(try ask(node, ["CLUSTER", "MYID"])) }

  private func info(_ node: Int, _ section: Argument) throws -> String {
    text(try ask(node, ["INFO", section]))
  }

  private func text(_ reply: Reply) -> String { text(reply, last: false) }

  private func text(_ reply: Reply, last: Bool) -> String {
    switch reply {
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    case .array(let replies): (last ? replies.last : replies.first).map { text($0) } ?? ""
    default: ""
    }
  }
}
