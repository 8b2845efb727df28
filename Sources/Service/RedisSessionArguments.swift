import Events
import Redis
import Sessions

/// How changes are said to the script, and its answer read.
extension RedisSessionScript {
  /// What holds for the whole call, at the head of `ARGV`: the script's `HEAD`.
  ///
  /// The epoch of the assignment a call is made under would be its next value.
  static func head(_ limits: SessionLimits) -> [Argument] {
    [
      .integer(Int64(limits.maxLength)),
      .integer(Int64(limits.slack)),
      .integer(limits.latenessMs),
      // Redis refuses what does not fit its clock.
      .integer(min(max(limits.timeToLiveMs, 1), 1 << 52)),
    ]
  }

  /// `ARGV`: the head, and for each change kind, source, offset, timestamp, item, event id.
  static func arguments(_ head: [Argument], _ changes: [SessionChange]) -> [Argument] {
    var arguments = head
    arguments.reserveCapacity(head.count + 6 * changes.count)
    for change in changes {
      let position = change.position
      let source = Argument.text("\(position.topic):\(position.partition)")
      switch change.kind {
      case .erase:
        arguments += ["erase", source, .integer(position.offset), 0, "", ""]
      case .click(let item, let timestampMs, let eventID):
        arguments += [
          eventID == nil ? "click" : "named", source, .integer(position.offset),
          .integer(Session.clamped(timestampMs)), .text(item), .text(eventID ?? ""),
        ]
      }
    }
    return arguments
  }

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

  /// Reads `[outcome, ordinal, item…]`.
  private static func view(_ reply: Reply) -> SessionView? {
    guard case .array(let fields) = reply, fields.count >= 2,
      let outcome = text(fields[0]).flatMap(SessionView.Outcome.init(rawValue:)),
      case .integer(let number) = fields[1], let ordinal = Int(exactly: number), ordinal >= 0
    else { return nil }
    var items: [String] = []
    items.reserveCapacity(fields.count - 2)
    for field in fields.dropFirst(2) {
      guard let item = text(field) else { return nil }
      items.append(item)
    }
    return SessionView(outcome: outcome, items: items, ordinal: ordinal)
  }

  private static func text(_ reply: Reply) -> String? {
    guard case .bytes(let bytes) = reply else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
