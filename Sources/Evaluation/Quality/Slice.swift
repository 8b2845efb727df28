extension ExampleFacts {
  /// A kind of example that is reported by itself.
  package enum Slice: String, CaseIterable, Codable, Sendable {
    case all
    case historyEmpty = "history_empty"
    case historyShort = "history_short"
    case historyLong = "history_long"
    case targetCold = "target_cold"
    case targetPopular = "target_popular"

    /// With fewer training clicks than this an item is cold.
    package static let warmClicks = 5
    /// Which part of the items that were clicked at all may be popular.
    package static let popularShare = 0.1

    package var title: String {
      switch self {
      case .all: "all"
      case .historyEmpty: "no history"
      case .historyShort: "history of 1–3"
      case .historyLong: "history of 10 and more"
      case .targetCold: "target cold (below \(Self.warmClicks) training clicks, or unknown)"
      case .targetPopular: "target popular (in the top tenth by training clicks)"
      }
    }
  }

  /// The examples that belong to a slice, in their order.
  package func members(of slice: Slice) -> [Int] {
    let belongs = predicate(slice)
    return units.indices.filter(belongs)
  }

  /// Whether the example at an index belongs to a slice.
  package func predicate(_ slice: Slice) -> (Int) -> Bool {
    switch slice {
    case .all: return { _ in true }
    case .historyEmpty: return { history($0).count == 0 }
    case .historyShort: return { (1...3).contains(history($0).count) }
    case .historyLong: return { history($0).count >= 10 }
    case .targetCold: return { (clicks(of: targets[$0]) ?? 0) < Slice.warmClicks }
    case .targetPopular:
      let least = popularClicks
      return { (clicks(of: targets[$0]) ?? 0) >= least }
    }
  }

  /// The clicks from which on an item is popular: those of the last item in the top tenth, so that
  /// items with equally many are on one side; but never so few that the item would be cold.
  private var popularClicks: Int {
    let clicked = clicks.filter { $0 > 0 }.sorted(by: >)
    let last = max(1, Int(Slice.popularShare * Double(clicked.count))) - 1
    return max(Slice.warmClicks, clicked.indices.contains(last) ? clicked[last] : 0)
  }
}
