/// Which node of a cluster serves each slot, as far as is known.
struct SlotMap: Equatable, Sendable {
  typealias Address = RedisSettings.Address

  /// By slot, a place in `nodes`.
  private var owners: [Int?]
  private var nodes: [Address]
  /// Nodes that follow others, and know of them.
  private(set) var replicas: [Address] = []

  /// Reads the answer to `CLUSTER SLOTS`; `nil` if it is anything else.
  ///
  /// - Parameters:
  ///   - reply: Per range of slots `[first, last, [host, port, …] of its owner, replicas…]`.
  ///   - address: Of the node that answered, which need not know its own host.
  init?(_ reply: Reply, from address: Address) {
    guard case .array(let ranges) = reply else { return nil }
    owners = Array(repeating: nil, count: HashSlot.count)
    nodes = []
    for range in ranges {
      guard case .array(let fields) = range, fields.count >= 3,
        case .integer(let first) = fields[0], case .integer(let last) = fields[1],
        0 <= first, first <= last, last < HashSlot.count,
        let owner = Self.node(fields[2], from: address)
      else { return nil }
      let place = place(of: owner)
      for slot in Int(first)...Int(last) { owners[slot] = place }
      for replica in fields[3...] {
        if let node = Self.node(replica, from: address) { replicas.append(node) }
      }
    }
  }

  /// The node that serves a slot.
  func owner(of slot: Int) -> Address? { owners[slot].map { nodes[$0] } }

  /// Whether another node serves a slot here than there.
  func differs(from other: SlotMap) -> Bool {
    (0..<HashSlot.count).contains { owner(of: $0) != other.owner(of: $0) }
  }

  /// Nodes that serve at least one slot.
  var masters: [Address] { Set(owners).compactMap { $0 }.sorted().map { nodes[$0] } }

  /// Slots that nobody serves.
  var orphans: Int { owners.count { $0 == nil } }

  /// Takes in that a slot is served elsewhere.
  mutating func move(_ slot: Int, to node: Address) { owners[slot] = place(of: node) }

  private mutating func place(of node: Address) -> Int {
    if let place = nodes.firstIndex(of: node) { return place }
    nodes.append(node)
    return nodes.count - 1
  }

  private static func node(_ reply: Reply, from address: Address) -> Address? {
    guard case .array(let fields) = reply, fields.count >= 2,
      case .integer(let port) = fields[1]
    else { return nil }
    var host = ""
    if case .bytes(let bytes) = fields[0] { host = String(decoding: bytes, as: UTF8.self) }
    return Address(host: host, port: Int(clamping: port), toldBy: address)
  }
}

/// Where an error reply sends a call.
enum Redirection: Equatable, Sendable {
  /// The slot is served there from now on.
  case moved(slot: Int, to: RedisSettings.Address)
  /// The slot is on its way there, and so are its keys: only this once.
  case ask(RedisSettings.Address)

  /// Reads `MOVED 3999 host:port` and `ASK 3999 host:port`; `nil` if it is anything else.
  init?(_ message: String, from address: RedisSettings.Address) {
    let words = message.split(separator: " ", maxSplits: 2)
    guard words.count == 3, let slot = Int(words[1]), 0..<HashSlot.count ~= slot,
      let colon = words[2].lastIndex(of: ":"),
      let port = Int(words[2][words[2].index(after: colon)...])
    else { return nil }
    let host = String(words[2][..<colon])
    let node = RedisSettings.Address(host: host, port: port, toldBy: address)
    switch words[0] {
    case "MOVED": self = .moved(slot: slot, to: node)
    case "ASK": self = .ask(node)
    default: return nil
    }
  }
}

extension RedisSettings.Address {
  /// An address as a node tells it: one that does not know its host means the one it answered on.
  init(host: String, port: Int, toldBy other: RedisSettings.Address) {
    guard host.isEmpty || host == "?", case .tcp(let known, _) = other else {
      self = .tcp(host: host, port: port)
      return
    }
    self = .tcp(host: known, port: port)
  }
}
