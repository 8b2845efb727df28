/// A kind of event that a stream's report shows by itself.
package struct StreamSlice: Hashable, Sendable {
  /// What events are told apart by.
  package enum Dimension: String, CaseIterable, Codable, Sendable {
    case all, history, item, popularity, hour

    /// What its kinds are called, in order.
    package var names: [String] {
      switch self {
      case .all: ["all"]
      case .history: ["1 click", "2–3", "4–9", "10 and more"]
      case .item:
        ["new, never clicked", "new, 1–4 clicks", "new, 5 and more", "known to the model"]
      case .popularity: ["0–4 clicks so far", "5–49", "50–499", "500 and more"]
      case .hour: (0..<24).map { $0 < 10 ? "0\($0) h" : "\($0) h" }
      }
    }
  }

  package let dimension: Dimension
  package let kind: Int

  /// Every kind of every dimension.
  package static let all = Dimension.allCases.flatMap { dimension in
    dimension.names.indices.map { StreamSlice(dimension: dimension, kind: $0) }
  }

  package var name: String { dimension.names[kind] }

  /// The slices of an event, as indices of ``all``.
  ///
  /// - Parameters:
  ///   - history: Clicks of its user before.
  ///   - clicks: Clicks of its item before, by anyone.
  ///   - isKnown: Whether the model was trained with the item.
  ///   - timestampMs: When it was, if that is known.
  /// - Returns: One of each dimension.
  static func indices(history: Int, clicks: Int, isKnown: Bool, timestampMs: Int64?) -> [Int] {
    let item = isKnown ? 3 : (clicks == 0 ? 0 : (clicks < 5 ? 1 : 2))
    let popularity = clicks < 5 ? 0 : (clicks < 50 ? 1 : (clicks < 500 ? 2 : 3))
    let length = history < 2 ? 0 : (history < 4 ? 1 : (history < 10 ? 2 : 3))
    var indices = [0, 1 + length, 5 + item, 9 + popularity]
    if let timestampMs { indices.append(13 + Int(timestampMs / 3_600_000 % 24)) }
    return indices
  }
}
