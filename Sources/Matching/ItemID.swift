/// An id by its bytes: two spellings of one character are two items, as they are to Redis.
package struct ItemID: Hashable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (one: Self, other: Self) -> Bool {
    one.text.utf8.elementsEqual(other.text.utf8)
  }
  // Equal bytes are equal texts: the text's own hash, which is quick, serves.
  package func hash(into hasher: inout Hasher) { text.hash(into: &hasher) }
}
