internal import Glibc
internal import Kernels
internal import Matching

/// What ``LiveItems`` had learned at some time, ready to be matched with: a value that all who
/// serve share.
package struct LiveTable: Sendable {
  /// The lessons it rests on.
  package let lessons: Int
  let items: [LiveItems.Item]
  let embeddings: PackedMatrix
  /// Of each item, what is added to its inner product with an oracle, whatever was clicked before.
  let gains: [Float]
  /// τ times the transitions' weight.
  private let transitionGain: Float
  private let places: [ItemID: Int32]
  /// The catalogue's items that are not live.
  let others: ItemFilter
  /// Items of the catalogue, N: those it does not know are numbered from N on.
  let known: Int

  /// The number of items that are live.
  package var count: Int { items.count }

  package init(_ live: LiveItems) {
    lessons = live.lessons
    items = live.items
    places = live.places
    known = live.catalogue.count
    embeddings = PackedMatrix(
      outputsByInputs: live.embeddings.span,
      outputs: live.items.count,
      inputs: live.catalogue.width
    )
    let gain = live.temperature * live.settings.recencyWeight
    gains = live.items.map { gain * log1p($0.recent) }
    transitionGain = live.temperature * live.settings.transitionWeight
    others = ItemFilter(count: known, deny: live.items.compactMap(\.known))
  }

  /// The number of an item that the catalogue does not have, from N on; `nil` if it is not live
  /// either.
  package func index(of id: String) -> Int32? {
    places[ItemID(id)].map { Int32(known) + $0 }
  }

  /// What an item numbered from N on is called.
  package func id(of index: Int32) -> String { items[Int(index) - known].id }

  /// What was learned to be an item's embedding, (d); `nil` if it is not live.
  package func embedding(of id: String) -> [Float]? {
    places[ItemID(id)].map { embeddings.row(Int($0)) }
  }

  /// The number by which an item is matched.
  func index(at place: Int) -> Int32 { items[place].known ?? Int32(known + place) }

  /// Adds, to the scores of all live items, what having clicked `previous` does for them.
  func add(transitionsFrom previous: String, to scores: inout MutableSpan<Float>) {
    guard let place = places[ItemID(previous)] else { return }
    for successor in items[Int(place)].successors {
      scores[Int(successor.item)] += transitionGain * log1p(Float(successor.count))
    }
  }
}
