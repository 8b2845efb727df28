/// The nodes of a Redis Cluster, for one thread at a time.
///
/// Calls are sent to all nodes before any answer is read, so that a batch takes one round trip.
/// Where a slot moved, or is on its way, its calls follow it. Unlike a ``Connection`` it connects
/// again: after a failure it asks the nodes it knows, and those it was told of at first, which of
/// them serve what now.
package struct Cluster: ~Copyable {
  private final class Node {
    var connection: Connection
    init(_ connection: consuming Connection) { self.connection = connection }
  }

  private let settings: RedisSettings
  private var nodes: [RedisSettings.Address: Node] = [:]
  private var map: SlotMap?
  private var isStale = true
  /// Grows whenever a node is connected to, or slots are served elsewhere: what was known of the
  /// nodes' data may then be no longer true.
  package private(set) var life = 0
  /// Where the last failure was: who is asked last.
  private var suspect: RedisSettings.Address?

  /// A cluster that is connected to when it is first used.
  package init(_ settings: RedisSettings) { self.settings = settings }

  /// Runs calls that do not depend on one another, each on the node that serves its first key.
  ///
  /// When a node proves gone, everything is done again once with a new map: calls may then have run
  /// twice. Nodes that were not given the script are given it.
  ///
  /// - Returns: A reply per call, refusals in place.
  /// - Throws: `retry` when a node is gone and nobody serves its slots; `stop` when one refuses the
  ///   credentials.
  package mutating func run(
    _ script: inout Script,
    _ calls: [Script.Call]
  ) throws(RedisFailure) -> [Reply] {
    if calls.isEmpty { return [] }
    return try twice { cluster throws(RedisFailure) in
      try cluster.attempt(&script, calls, isSteady: false) ?? []
    }
  }

  /// Runs calls once, if the cluster is as it was in that ``life``.
  ///
  /// - Returns: As ``run(_:_:)``; `nil` if it is not: some calls may have run, none of them on a
  ///   node that was not connected to, or did not serve their slots, then.
  /// - Throws: `retry` when a node is gone.
  package mutating func run(
    _ script: inout Script,
    _ calls: [Script.Call],
    inLife life: Int
  ) throws(RedisFailure) -> [Reply]? {
    if calls.isEmpty { return [] }
    if isStale || self.life != life { return nil }
    do throws(RedisFailure) { return try attempt(&script, calls, isSteady: true) } catch {
      distrust()
      throw error
    }
  }

  /// Sees every node that serves slots answer, and every slot served.
  ///
  /// - Returns: How many nodes.
  package mutating func ping() throws(RedisFailure) -> Int {
    isStale = true
    return try twice { cluster throws(RedisFailure) in
      let map = try cluster.currentMap()
      if map.orphans > 0 {
        throw RedisFailure(
          remedy: .retry,
          reason: "no node of the Redis cluster serves \(map.orphans) of its slots"
        )
      }
      let masters = map.masters
      for master in masters { try cluster.send([["PING"]], to: master) }
      for master in masters {
        for case .error(let message) in try cluster.receive(1, from: master) {
          throw RedisFailure(reply: message)
        }
      }
      return masters.count
    }
  }

  /// Forgets connections and map: something was refused, so the wrong node may have been asked.
  package mutating func distrust() {
    nodes = [:]
    isStale = true
    life += 1
  }

  private mutating func twice<Result>(
    _ body: (inout Cluster) throws(RedisFailure) -> Result
  ) throws(RedisFailure) -> Result {
    do throws(RedisFailure) { return try body(&self) } catch {
      distrust()
      if error.remedy == .stop { throw error }
    }
    do throws(RedisFailure) { return try body(&self) } catch {
      distrust()
      throw error
    }
  }

  private mutating func attempt(
    _ script: inout Script,
    _ calls: [Script.Call],
    isSteady: Bool
  ) throws(RedisFailure) -> [Reply]? {
    var map = try currentMap()
    var dispatch = Dispatch(slots: calls.map { HashSlot.of($0.keys.first?.bytes ?? []) })
    while true {
      let legs = try dispatch.legs(by: map)
      for leg in legs where nodes[leg.node] == nil {
        // What is on its way there came from a node that we know.
        let isOnItsWay = leg.calls.allSatisfy(leg.asking.contains)
        if isSteady, !isOnItsWay { return nil }
        try connect(leg.node, isKnown: isOnItsWay)
      }
      let digest = try digest(of: &script, from: legs[0].node)
      for leg in legs { try send(script.commands(calls, digest, leg), to: leg.node) }
      for leg in legs {
        if leg.loads { _ = try receive(1, from: leg.node) }
        for call in leg.calls {
          let isAsking = leg.asking.contains(call)
          let replies = try receive(isAsking ? 2 : 1, from: leg.node)
          let reply = replies.last ?? .null
          if dispatch.take(reply, of: call, from: leg.node, map: &map) { isStale = true }
        }
      }
      self.map = map
      if isStale {
        life += 1
        if isSteady { return nil }
      }
      guard let replies = dispatch.replies else { continue }
      if isStale { _ = try currentMap() }
      return replies
    }
  }

  private func digest(
    of script: inout Script,
    from address: RedisSettings.Address
  ) throws(RedisFailure) -> [UInt8] {
    if let digest = script.digest { return digest }
    guard let node = nodes[address] else { return [] }
    return try script.load(on: &node.connection)
  }

  /// The map at hand, or a new one if that proved out of date.
  private mutating func currentMap() throws(RedisFailure) -> SlotMap {
    if let map, !isStale { return map }
    let clock = ContinuousClock()
    let patience = Duration.milliseconds(settings.connectTimeoutMs + settings.commandTimeoutMs)
    let deadline = clock.now + patience
    var failure: RedisFailure?
    for address in candidates() {
      if failure != nil, clock.now > deadline { break }
      do throws(RedisFailure) {
        let read = try readMap(from: address)
        if map?.differs(from: read) ?? true { life += 1 }
        map = read
        isStale = false
        return read
      } catch {
        nodes[address] = nil
        if error.remedy == .stop { throw error }
        failure = error
      }
    }
    throw failure ?? RedisFailure(remedy: .retry, reason: "no node of the Redis cluster is known")
  }

  /// Who may know who serves what: nodes connected to, then those the map knows, then those named
  /// at first; last of all the one that failed last.
  private func candidates() -> [RedisSettings.Address] {
    var found: [RedisSettings.Address] = []
    let known = (map?.masters ?? []) + (map?.replicas ?? []) + settings.cluster
    for address in known where !found.contains(address) && address != suspect {
      found.append(address)
    }
    found = found.filter { nodes[$0] != nil } + found.filter { nodes[$0] == nil }
    if let suspect, known.contains(suspect) { found.append(suspect) }
    return found
  }

  private mutating func readMap(
    from address: RedisSettings.Address
  ) throws(RedisFailure) -> SlotMap {
    try send([["CLUSTER", "SLOTS"]], to: address)
    let reply = try receive(1, from: address).first ?? .null
    if case .error(let message) = reply {
      if message.contains("cluster support disabled") {
        throw RedisFailure(
          remedy: .stop,
          reason: "Redis at \(address) is no node of a cluster; name it without cluster://"
        )
      }
      throw RedisFailure(reply: message)
    }
    guard let map = SlotMap(reply, from: address) else {
      throw RedisFailure(remedy: .stop, reason: "Redis at \(address) did not tell who serves what")
    }
    return map
  }

  private mutating func connect(
    _ address: RedisSettings.Address,
    isKnown: Bool = false
  ) throws(RedisFailure) {
    if nodes[address] != nil { return }
    if !isKnown { life += 1 }
    var settings = settings
    settings.address = address
    do throws(RedisFailure) { nodes[address] = Node(try Connection(settings)) } catch {
      suspect = address
      throw error
    }
  }

  private mutating func send(
    _ commands: [[Argument]],
    to address: RedisSettings.Address
  ) throws(RedisFailure) {
    try connect(address)
    guard let node = nodes[address] else { return }
    do throws(RedisFailure) { try node.connection.send(commands) } catch {
      suspect = address
      throw error
    }
  }

  private mutating func receive(
    _ count: Int,
    from address: RedisSettings.Address
  ) throws(RedisFailure) -> [Reply] {
    guard let node = nodes[address] else { return [] }
    do throws(RedisFailure) { return try node.connection.receive(count) } catch {
      suspect = address
      throw RedisFailure(remedy: error.remedy, reason: "\(error.reason) (node \(address))")
    }
  }
}

extension Script {
  /// What a leg sends: the script if need be, and its calls.
  fileprivate func commands(
    _ calls: [Call],
    _ digest: [UInt8],
    _ leg: Dispatch.Leg
  ) -> [[Argument]] {
    var commands: [[Argument]] = leg.loads ? [loading] : []
    commands.reserveCapacity(commands.count + leg.calls.count + leg.asking.count)
    for index in leg.calls {
      if leg.asking.contains(index) { commands.append(["ASKING"]) }
      commands.append(command(calls[index], digest))
    }
    return commands
  }
}
