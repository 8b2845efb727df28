/// A query rounded to 16 bits, and how far its rounded scores are from what they stand for.
struct RoundedQuery {
  /// What bounds all rounded scores: the product of two greatest norms is below it.
  static let limit: Int32 = 1 << 30
  /// A bar that nothing exceeds.
  static let closed = limit

  /// As many rounded scores may lie between two items whose order is the other way about; `nil` if
  /// the query's scores may not all be finite.
  let margin: Int32?

  /// Rounds a query, (width), to pairs of numbers, of which the first is in the low half.
  ///
  /// With quanta a and b, ⟨q, w⟩ is a·b·⟨Q, W⟩ but for ½b·‖q‖₁ + ½ab·‖W‖₁, and ‖W‖₁ ≤ √d·‖W‖;
  /// single precision adds (d + 1)·2⁻²⁴·‖q‖·‖w‖, and d of the least numbers there are. Twice that
  /// parts two items.
  init(_ query: Span<Float>, over table: ScanTable, into pairs: inout MutableSpan<Int32>) {
    let norm = Rounding.norm(of: query)
    guard norm * table.norm < 1e38 else {
      margin = nil
      return
    }
    let quantum = Rounding.quantum(norm: norm, width: table.width)
    var magnitude = 0.0
    for pair in pairs.indices { pairs[pair] = 0 }
    for input in query.indices {
      let value = query[input]
      magnitude += Double(value.magnitude)
      let number = UInt16(bitPattern: Rounding.number(value, 1 / quantum))
      pairs[input / 2] |= Int32(bitPattern: UInt32(number) << UInt32(16 * (input % 2)))
    }
    let width = Double(table.width)
    let ofRounding = (magnitude / quantum + width.squareRoot() * ScanTable.greatestNorm) / 2
    let unit = quantum * table.quantum
    let ofSingles = ((width + 1) * 0x1p-24 * norm * table.norm + width * 0x1p-149) / unit
    // A little more, for these sums are rounded too.
    let apart = 2 * 1.001 * (ofRounding + ofSingles) + 2
    margin = Int32(min(apart, Double(Int32.max)))
  }
}
