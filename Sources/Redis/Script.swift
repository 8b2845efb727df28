/// A Lua script that the server keeps, called by its digest.
package struct Script: Sendable {
  /// One call: the keys it touches and its other arguments.
  package struct Call: Equatable, Sendable {
    package var keys: [Argument]
    package var arguments: [Argument]

    package init(keys: [Argument], arguments: [Argument]) {
      self.keys = keys
      self.arguments = arguments
    }
  }

  private let source: String
  /// As the server told it; `nil` before the first load.
  private(set) var digest: [UInt8]?

  package init(_ source: String) { self.source = source }

  /// Runs calls that do not depend on one another, all in one round trip.
  ///
  /// A server that has lost the script (a restart, a failover, `SCRIPT FLUSH`) is given it again,
  /// and the calls it missed are made again: they had no effect, and their order among all is
  /// lost.
  ///
  /// - Returns: A reply per call, refusals in place.
  package mutating func run(
    _ calls: [Call],
    on connection: inout Connection
  ) throws(RedisFailure) -> [Reply] {
    if calls.isEmpty { return [] }
    let known = if let digest { digest } else { try load(on: &connection) }
    var replies = try connection.pipeline(calls.map { command($0, known) })
    let missed = replies.indices.filter { Self.isMissing(replies[$0]) }
    if missed.isEmpty { return replies }

    let fresh = try load(on: &connection)
    let again = missed.map { command(calls[$0], fresh) }
    for (index, reply) in zip(missed, try connection.pipeline(again)) { replies[index] = reply }
    return replies
  }

  /// Gives a server the script, and learns its digest, which is the same everywhere.
  mutating func load(on connection: inout Connection) throws(RedisFailure) -> [UInt8] {
    guard case .bytes(let digest) = try connection.command(loading) else {
      throw RedisFailure(remedy: .stop, reason: "Redis did not say the script's digest")
    }
    self.digest = digest
    return digest
  }

  /// The command that gives a server the script.
  var loading: [Argument] { ["SCRIPT", "LOAD", .text(source)] }

  /// A call as a command, for a server that was given the script.
  func command(_ call: Call, _ digest: [UInt8]) -> [Argument] {
    ["EVALSHA", .bytes(digest), .integer(Int64(call.keys.count))] + call.keys + call.arguments
  }

  private static func isMissing(_ reply: Reply) -> Bool {
    guard case .error(let message) = reply else { return false }
    return RedisFailure.code(of: message) == "NOSCRIPT"
  }
}
