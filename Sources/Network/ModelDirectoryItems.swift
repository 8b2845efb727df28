/// The catalogue of a model: what row i of the embedding table stands for.
///
/// As a file (`items.tsv`): a header line `index⇥item_id⇥clicks`, then one line an item, in order.
package struct ItemTable: Equatable, Sendable {
  /// Item ids by row of the embedding table; no two alike.
  package let ids: [String]
  /// How often each was clicked in the training data: the popularity that a fallback ranks by.
  package let clicks: [Int]

  static let header = "index\titem_id\tclicks"

  package init(ids: [String], clicks: [Int]) {
    precondition(ids.count == clicks.count)
    self.ids = ids
    self.clicks = clicks
  }

  /// The file's bytes; refuses an id that a line cannot hold, and an id that occurs twice.
  func encoded(for file: String) throws(NetworkFailure) -> [UInt8] {
    var bytes = Array(Self.header.utf8)
    bytes.append(UInt8(ascii: "\n"))
    var seen: Set<String> = []
    for (index, id) in ids.enumerated() {
      guard !id.isEmpty, !id.utf8.contains(where: { $0 == 9 || $0 == 10 || $0 == 13 }) else {
        throw NetworkFailure(
          file,
          field: "item \(index)",
          expected: "an id without tab, line feed or carriage return",
          found: id.debugDescription,
        )
      }
      guard seen.insert(id).inserted else {
        throw NetworkFailure(file, field: "item \(index)", expected: "a new id", found: id)
      }
      bytes.append(contentsOf: "\(index)\t\(id)\t\(clicks[index])\n".utf8)
    }
    return bytes
  }

  init(_ content: [UInt8], file: String) throws(NetworkFailure) {
    var lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.popLast()?.isEmpty == true else {
      throw NetworkFailure(file, field: "last line", expected: "complete", found: "cut short")
    }
    let header = lines.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    guard header == Self.header else {
      throw NetworkFailure(file, field: "line 1", expected: Self.header, found: header)
    }
    var ids: [String] = []
    var clicks: [Int] = []
    var seen: Set<String> = []
    for (index, line) in lines.dropFirst().enumerated() {
      let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      guard fields.count == 3, Int(String(decoding: fields[0], as: UTF8.self)) == index,
        let id = String(validating: fields[1], as: UTF8.self), !id.isEmpty,
        let count = Int(String(decoding: fields[2], as: UTF8.self)), count >= 0
      else {
        throw NetworkFailure(
          file,
          field: "line \(index + 2)",
          expected: "\(index), an id and a count",
          found: String(decoding: line.prefix(60), as: UTF8.self),
        )
      }
      guard seen.insert(id).inserted else {
        throw NetworkFailure(file, field: "line \(index + 2)", expected: "a new id", found: id)
      }
      ids.append(id)
      clicks.append(count)
    }
    self.init(ids: ids, clicks: clicks)
  }
}
