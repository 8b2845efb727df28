/// One click of one user on one item.
package struct Click: Equatable, Sendable {
  package var user: String
  package var item: String
  /// Milliseconds since the Unix epoch.
  package var timestampMs: Int64
  /// A producer's own identifier; the same one twice for a user counts once.
  package var eventID: String?
  /// What kind of event it is; `click` when the producer did not say.
  package var type: String

  package init(
    user: String,
    item: String,
    timestampMs: Int64,
    eventID: String? = nil,
    type: String = Click.defaultType
  ) {
    self.user = user
    self.item = item
    self.timestampMs = timestampMs
    self.eventID = eventID
    self.type = type
  }

  package static let defaultType = "click"
}
