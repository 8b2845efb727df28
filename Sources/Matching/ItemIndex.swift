/// Which of many ids is which, by their bytes: made once, asked at every click.
///
/// Open addressing with linear probing (Knuth, volume 3, 6.4), at most half full.
package struct ItemIndex: Equatable, Sendable {
  package let ids: [String]
  /// The upper half of an id's hash beside its number plus one; 0 where there is none.
  private var slots: [UInt64]
  /// An id that is there twice, and its first place; `nil` if all are different.
  package private(set) var duplicate: (first: Int, second: Int)?

  package init(_ ids: [String]) {
    precondition(ids.count < Int32.max)
    self.ids = ids
    var size = 16
    while size < 2 * ids.count { size *= 2 }
    slots = [UInt64](repeating: 0, count: size)
    for (number, id) in ids.enumerated() {
      let hash = Self.hash(id)
      let slot = slot(of: id, hash)
      if slots[slot] != 0 {
        if duplicate == nil { duplicate = (Self.number(slots[slot]), number) }
        continue
      }
      slots[slot] = hash & ~0xFFFF_FFFF | UInt64(number + 1)
    }
  }

  package static func == (one: Self, other: Self) -> Bool { one.ids == other.ids }

  /// The number of an id; `nil` if it is none of these.
  package func number(of id: String) -> Int32? {
    let entry = slots[slot(of: id, Self.hash(id))]
    return entry == 0 ? nil : Int32(Self.number(entry))
  }

  /// Where an id is, or the empty slot where it would be.
  private func slot(of id: String, _ hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 {
      if slots[slot] >> 32 == hash >> 32,
        ItemID(ids[Self.number(slots[slot])]) == ItemID(id)
      {
        break
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private static func number(_ entry: UInt64) -> Int { Int(entry & 0xFFFF_FFFF) - 1 }

  /// Eight bytes at a time, multiplied by 2⁶⁴ over the golden ratio.
  private static func hash(_ id: String) -> UInt64 {
    var hash = UInt64(id.utf8.count)
    var (word, bytes) = (UInt64(0), 0)
    for byte in id.utf8 {
      word = word << 8 | UInt64(byte)
      bytes += 1
      if bytes == 8 {
        hash = mixed(hash ^ word)
        (word, bytes) = (0, 0)
      }
    }
    return mixed(hash ^ word)
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    let product = value &* 0x9E37_79B9_7F4A_7C15
    return product ^ product >> 32
  }
}
