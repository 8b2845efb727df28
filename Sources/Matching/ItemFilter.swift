/// Which items may be suggested to anyone, a bit an item.
package struct ItemFilter: Equatable, Sendable {
  /// 32 items each, in the order of a catalogue's panels, lowest bit first.
  private(set) var masks: [UInt32]

  /// Allows the items of `allow` (nil for all of the `count` there are) that `deny` does not name.
  ///
  /// Indices that are no item's are ignored.
  package init(count: Int, allow: [Int32]? = nil, deny: [Int32] = []) {
    precondition(count >= 0)
    let panels = (count + 31) / 32
    var masks = [UInt32](repeating: allow == nil ? .max : 0, count: panels)
    let items = 0..<count
    for item in allow ?? [] where items.contains(Int(item)) {
      masks[Int(item) / 32] |= 1 << UInt32(item % 32)
    }
    for item in deny where items.contains(Int(item)) {
      masks[Int(item) / 32] &= ~(1 << UInt32(item % 32))
    }
    self.masks = masks
  }

  /// The items that both allow, of the same catalogue.
  package func intersection(_ other: ItemFilter) -> ItemFilter {
    precondition(masks.count == other.masks.count)
    var both = self
    for panel in masks.indices { both.masks[panel] &= other.masks[panel] }
    return both
  }

  package func contains(_ item: Int32) -> Bool {
    masks[Int(item) / 32] & (1 << UInt32(item % 32)) != 0
  }
}
