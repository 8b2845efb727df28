/// One connection to one Redis server (RESP2, no TLS), for one thread at a time.
///
/// It never reconnects: after an I/O or protocol failure it is dead, every call throws, and its
/// owner decides when to make another. Commands whose replies were not read by then may have run
/// or not.
package struct Connection: ~Copyable {
  private let context: Context
  private var buffer: [UInt8] = []
  private var death: RedisFailure?

  /// Whether calls still have a chance.
  package var isAlive: Bool { death == nil }

  /// Connects, signs in, selects the database, and sees one answer.
  ///
  /// - Throws: `retry` when the server is unreachable, silent or starting; `stop` when it refuses
  ///   the credentials or the database. No reason carries the password.
  package init(_ settings: RedisSettings) throws(RedisFailure) {
    let context = try Context(settings)
    let greeting = Self.greeting(settings)
    var buffer: [UInt8] = []
    for command in greeting { Argument.append(command, to: &buffer) }
    try context.append(buffer)
    var refusal: RedisFailure?
    for command in greeting {
      guard case .error(let message) = try context.reply(), refusal == nil else { continue }
      refusal = Self.refusal(of: command, message, at: settings.address)
    }
    if let refusal { throw refusal }
    self.context = context
  }

  /// Sends commands together and collects their replies, in order.
  ///
  /// - Returns: A reply per command; a command that was refused has a ``Reply/error(_:)`` in its
  ///   place.
  /// - Throws: When the connection broke, at this call or an earlier one.
  package mutating func pipeline(_ commands: [[Argument]]) throws(RedisFailure) -> [Reply] {
    // hiredis sends them when it is asked for the first reply.
    try queue(commands)
    return try receive(commands.count)
  }

  /// Sends commands whose replies ``receive(_:)`` collects, so that several servers can be at work
  /// at a time.
  mutating func send(_ commands: [[Argument]]) throws(RedisFailure) {
    try queue(commands)
    try orDie { context throws(RedisFailure) in try context.flush() }
  }

  /// Collects the replies to the next `count` of the commands that were sent.
  mutating func receive(_ count: Int) throws(RedisFailure) -> [Reply] {
    try orDie { context throws(RedisFailure) in
      var replies: [Reply] = []
      replies.reserveCapacity(count)
      for _ in 0..<count { replies.append(try context.reply()) }
      return replies
    }
  }

  private mutating func queue(_ commands: [[Argument]]) throws(RedisFailure) {
    buffer.removeAll(keepingCapacity: true)
    for command in commands { Argument.append(command, to: &buffer) }
    let bytes = buffer
    try orDie { context throws(RedisFailure) in try context.append(bytes) }
  }

  private mutating func orDie<Result>(
    _ body: (borrowing Context) throws(RedisFailure) -> Result
  ) throws(RedisFailure) -> Result {
    if let death { throw death }
    do throws(RedisFailure) { return try body(context) } catch {
      death = error
      throw error
    }
  }

  /// Sends one command; a refusal is thrown.
  package mutating func command(_ arguments: [Argument]) throws(RedisFailure) -> Reply {
    let replies = try pipeline([arguments])
    if case .error(let message)? = replies.first { throw RedisFailure(reply: message) }
    return replies.first ?? .null
  }

  private static func greeting(_ settings: RedisSettings) -> [[Argument]] {
    var commands: [[Argument]] = []
    if let password = settings.password?.text {
      let user = settings.user.map { [Argument.text($0)] } ?? []
      commands.append(["AUTH"] + user + [.text(password)])
    }
    if settings.database != 0 { commands.append(["SELECT", .integer(Int64(settings.database))]) }
    if let name = settings.clientName { commands.append(["CLIENT", "SETNAME", .text(name)]) }
    return commands + [["PING"]]
  }

  /// Of a refused `AUTH` only the code is told: some servers repeat the arguments in the message.
  private static func refusal(
    of command: [Argument],
    _ message: String,
    at address: RedisSettings.Address
  ) -> RedisFailure {
    let failure = RedisFailure(reply: message)
    let reason =
      command.first == "AUTH"
      ? "Redis at \(address) refused the credentials (\(RedisFailure.code(of: message)))"
      : "Redis at \(address): \(failure.reason)"
    return RedisFailure(remedy: failure.remedy, reason: reason)
  }
}
