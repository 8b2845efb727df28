/// Numbers for ids, as ``Baseline`` wants them.
package struct Numbering: Sendable {
  /// The ids by their numbers.
  package private(set) var ids: [String] = []
  private var numbers: [String: Int32] = [:]

  package init() {}

  /// Numbers these in the order of the ids, so that ties by number are ties by id.
  package init(sorting ids: some Sequence<String>) {
    for id in Set(ids).sorted() { _ = number(of: id) }
  }

  /// The number of an id; a new id is given the next.
  package mutating func number(of id: String) -> Int32 {
    if let known = numbers[id] { return known }
    let number = Int32(ids.count)
    numbers[id] = number
    ids.append(id)
    return number
  }
}
