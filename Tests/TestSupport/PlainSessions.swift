import Events
import Sessions

/// What sessions promise, said as plainly as possible: nothing is ever cut, and every answer is
/// kept.
struct PlainSessions {
  private struct Click {
    var timestampMs: Int64
    var ordinal: Int
    var item: String
    var eventID: String?
  }

  private struct User {
    var clicks: [Click] = []
    var marks: [String: Int64] = [:]
    /// By position: the view, and how many records had been folded with it.
    var answers: [Position: (view: SessionView, number: Int)] = [:]
    var folded = 0
  }

  let limits: SessionLimits
  private var users: [String: User] = [:]

  init(limits: SessionLimits) { self.limits = limits }

  /// The view to expect, or `nil` for a record seen too long ago to promise any.
  mutating func expect(_ change: SessionChange, of name: String) -> SessionView? {
    var user = users[name, default: User()]
    defer { users[name] = user }
    let position = change.position
    let source = "\(position.topic)/\(position.partition)"
    if let mark = user.marks[source], position.offset <= mark {
      if change.kind == .erase {
        return SessionView(outcome: .redelivered, items: [], ordinal: 0)
      }
      guard let answer = user.answers[position], user.folded - answer.number <= limits.slack else {
        return nil
      }
      return answer.view.redelivered
    }
    guard case .click(let item, let timestampMs, let eventID) = change.kind else {
      user = User()
      return SessionView(outcome: .erased, items: [], ordinal: 0)
    }
    let kept = user.clicks.suffix(limits.maxLength + limits.slack)
    var outcome = SessionView.Outcome.applied
    if eventID != nil, kept.contains(where: { $0.eventID == eventID }) {
      outcome = .duplicate
    } else if let newest = kept.last, timestampMs < newest.timestampMs - limits.latenessMs {
      outcome = .late
    } else {
      let ordinal = user.clicks.count + 1
      user.clicks.append(
        Click(timestampMs: timestampMs, ordinal: ordinal, item: item, eventID: eventID)
      )
      user.clicks.sort { ($0.timestampMs, $0.ordinal) < ($1.timestampMs, $1.ordinal) }
    }
    let items = user.clicks.suffix(limits.maxLength).map(\.item)
    let view = SessionView(outcome: outcome, items: items, ordinal: user.clicks.count)
    user.folded += 1
    user.marks[source] = position.offset
    user.answers[position] = (view, user.folded)
    return view
  }
}
