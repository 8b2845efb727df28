import Events
import Redis
import Sessions

/// How changes are said to the script, and its answer read.
extension RedisSessionScript {
  /// What holds for the whole store, at the head of `ARGV`.
  static func head(_ limits: SessionLimits) -> [Argument] {
    [
      .integer(Int64(limits.maxLength)),
      .integer(Int64(limits.slack)),
      .integer(limits.latenessMs),
      // Redis refuses what does not fit its clock.
      .integer(min(max(limits.timeToLiveMs, 1), 1 << 52)),
    ]
  }

  /// `ARGV`: the head; how many partitions, and for each its source and our claim; and for each
  /// change kind, number of its partition from 1, offset, timestamp, item, event id.
  ///
  /// - Throws: The first partition without a claim.
  static func arguments(
    _ head: [Argument],
    _ changes: [SessionChange],
    claim: (Partition) -> Argument?
  ) throws(Unclaimed) -> [Argument] {
    var homes: [Partition] = []
    var claims: [Argument] = []
    var tail: [Argument] = []
    tail.reserveCapacity(6 * changes.count)
    for change in changes {
      let home = change.position.home
      // A user is in one partition, as a rule.
      var number = homes.firstIndex(of: home)
      if number == nil {
        guard let claim = claim(home) else { throw Unclaimed(partition: home) }
        number = homes.count
        homes.append(home)
        claims += [RedisFence.source(home), claim]
      }
      let source = Argument.integer(Int64((number ?? 0) + 1))
      let offset = Argument.integer(change.position.offset)
      switch change.kind {
      case .erase: tail += ["erase", source, offset, 0, "", ""]
      case .click(let item, let timestampMs, let eventID):
        tail += [
          eventID == nil ? "click" : "named", source, offset,
          .integer(Session.clamped(timestampMs)), .text(item), .text(eventID ?? ""),
        ]
      }
    }
    return head + [.integer(Int64(homes.count))] + claims + tail
  }

  /// A partition that this store has not claimed.
  struct Unclaimed: Error { let partition: Partition }

  /// Reads one user's answer: a view per change, or `nil` if it is anything else.
  static func views(_ reply: Reply, count: Int) -> [SessionView]? {
    guard case .array(let replies) = reply, replies.count == count else { return nil }
    var views: [SessionView] = []
    views.reserveCapacity(count)
    for reply in replies {
      guard let view = view(reply) else { return nil }
      views.append(view)
    }
    return views
  }

  /// Reads `[outcome, ordinal, entries]`.
  private static func view(_ reply: Reply) -> SessionView? {
    guard case .array(let fields) = reply, fields.count == 3,
      let outcome = text(fields[0]).flatMap(SessionView.Outcome.init(rawValue:)),
      case .integer(let number) = fields[1], let ordinal = Int(exactly: number), ordinal >= 0,
      case .bytes(let entries) = fields[2], let items = items(of: entries)
    else { return nil }
    return SessionView(outcome: outcome, items: items, ordinal: ordinal)
  }

  /// The items of entries, each four values: time, ordinal, item, event id.
  private static func items(of entries: [UInt8]) -> [String]? {
    var reader = MessagePackReader(entries)
    var items: [String] = []
    while !reader.isAtEnd {
      guard reader.skip(), reader.skip(), let item = reader.text(), reader.skip() else {
        return nil
      }
      items.append(item)
    }
    return items
  }

  private static func text(_ reply: Reply) -> String? {
    guard case .bytes(let bytes) = reply else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
