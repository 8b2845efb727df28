internal import CVector

/// Which items each row of a scan may get.
struct Eligible {
  let count: Int
  /// A bit for each item, 32 to a mask, lowest first; nil allows all.
  let allowed: [UInt32]?
  /// What each row must not get, (rows), or empty.
  let excluded: [[Int32]]

  init(of count: Int, allowed: [UInt32]?, excluded: [[Int32]], rows: Int) {
    if let allowed {
      precondition(allowed.count == (count + RoundedRows.lanes - 1) / RoundedRows.lanes)
    }
    precondition(excluded.isEmpty || excluded.count == rows)
    (self.count, self.allowed, self.excluded) = (count, allowed, excluded)
  }

  /// Whether a row may get an item that there is.
  func contains(_ item: Int32, row: Int) -> Bool {
    lanes(of: Int(item) / 32) >> (item % 32) & 1 == 1
      && (excluded.isEmpty || !excluded[row].contains(item))
  }

  /// Whether any row may get any item of some panels.
  func containsAny(of panels: Range<Int>) -> Bool {
    allowed.map { !$0[panels].allSatisfy { $0 == 0 } } ?? true
  }

  /// Hides, of the scores of some panels, those of what a row may not get and of what is no item.
  func hide(from scores: inout MutableSpan<Shortlist.Scores>, panels: Range<Int>, row: Int) {
    let items = (32 * panels.lowerBound)..<(32 * panels.upperBound)
    for item in excluded.isEmpty ? [] : excluded[row] where items.contains(Int(item)) {
      let place = Int(item) - items.lowerBound
      scores[place / 32][place % 32] = Shortlist.hidden
    }
    // Of all that may be, only the last panel has what is no item.
    let first = allowed == nil ? count / 32 : 0
    for panel in max(first, panels.lowerBound)..<max(first, panels.upperBound) {
      let (place, lanes) = (panel - panels.lowerBound, lanes(of: panel))
      if lanes != .max { scores[place] = vector_kept(scores[place], lanes, Shortlist.hidden) }
    }
  }

  /// The lanes of a panel that are items, and allowed.
  private func lanes(of panel: Int) -> UInt32 {
    let rest = count - 32 * panel
    return (allowed?[panel] ?? .max) & (rest < 32 ? 1 << UInt32(rest) &- 1 : .max)
  }
}
