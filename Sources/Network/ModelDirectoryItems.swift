package import Matching

/// The catalogue of a model: what row i of the embedding table stands for.
///
/// As a file (`items.tsv`): a header line `index⇥item_id⇥clicks`, then one line an item, in order.
package struct ItemTable: Equatable, Sendable {
  /// Which row of the embedding table an id is of.
  package let index: ItemIndex
  /// Item ids by row; no two alike.
  package var ids: [String] { index.ids }
  /// How often each was clicked in the training data: the popularity that a fallback ranks by.
  package let clicks: [Int]

  static let header = "index\titem_id\tclicks"

  package init(ids: [String], clicks: [Int]) { self.init(ItemIndex(ids), clicks: clicks) }

  private init(_ index: ItemIndex, clicks: [Int]) {
    precondition(index.ids.count == clicks.count)
    self.index = index
    self.clicks = clicks
  }

  /// The file's bytes; refuses an id that a line cannot hold, and an id that occurs twice.
  func encoded(for file: String) throws(NetworkFailure) -> [UInt8] {
    var bytes = Array(Self.header.utf8)
    bytes.append(UInt8(ascii: "\n"))
    if let (_, second) = index.duplicate {
      let found = ids[second]
      throw NetworkFailure(file, field: "item \(second)", expected: "a new id", found: found)
    }
    for (index, id) in ids.enumerated() {
      guard !id.isEmpty, !id.utf8.contains(where: { $0 == 9 || $0 == 10 || $0 == 13 }) else {
        throw NetworkFailure(
          file,
          field: "item \(index)",
          expected: "an id without tab, line feed or carriage return",
          found: id.debugDescription,
        )
      }
      bytes.append(contentsOf: "\(index)\t\(id)\t\(clicks[index])\n".utf8)
    }
    return bytes
  }

  init(_ content: [UInt8], file: String) throws(NetworkFailure) {
    guard content.last == UInt8(ascii: "\n") else {
      throw NetworkFailure(file, field: "last line", expected: "complete", found: "cut short")
    }
    var start = content.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? content.count
    let header = String(decoding: content[..<(start - 1)], as: UTF8.self)
    guard header == Self.header else {
      throw NetworkFailure(file, field: "line 1", expected: Self.header, found: header)
    }
    var ids: [String] = []
    var clicks: [Int] = []
    while start < content.count {
      let end = content[start...].firstIndex(of: UInt8(ascii: "\n")) ?? content.count
      guard let item = Self.item(content[start..<end], index: ids.count) else {
        throw NetworkFailure(
          file,
          field: "line \(ids.count + 2)",
          expected: "\(ids.count), an id and a count",
          found: String(decoding: content[start..<end].prefix(60), as: UTF8.self),
        )
      }
      ids.append(item.id)
      clicks.append(item.clicks)
      start = end + 1
    }
    let index = ItemIndex(ids)
    if let (_, second) = index.duplicate {
      let found = ids[second]
      throw NetworkFailure(file, field: "line \(second + 2)", expected: "a new id", found: found)
    }
    self.init(index, clicks: clicks)
  }

  /// What a line says of the item at `index`; `nil` if it says something else.
  private static func item(
    _ line: ArraySlice<UInt8>,
    index: Int
  ) -> (id: String, clicks: Int)? {
    let tab = UInt8(ascii: "\t")
    guard let first = line.firstIndex(of: tab), let last = line.lastIndex(of: tab), first < last,
      number(line[..<first]) == index, let clicks = number(line[(last + 1)...]),
      let id = String(validating: line[(first + 1)..<last], as: UTF8.self), !id.isEmpty,
      !id.utf8.contains(tab)
    else { return nil }
    return (id, clicks)
  }

  /// A whole number of digits alone.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    if digits.isEmpty || digits.count > 18 { return nil }
    var number = 0
    for digit in digits {
      guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
      number = 10 * number + Int(digit - UInt8(ascii: "0"))
    }
    return number
  }
}
