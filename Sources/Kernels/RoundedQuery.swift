/// A query rounded as the table is, and how far its rounded scores are from what they stand for.
struct RoundedQuery: Sendable {
  /// What bounds all rounded scores.
  static let limit = 32_767.0

  /// What a rounded score says.
  struct Precision: Equatable, Sendable {
    /// What one more stands for.
    let unit: Double
    /// Two items whose order is the other way about are no farther apart.
    let margin: Int32
  }

  /// `nil` if the query's scores may not all be finite, or rounding tells nothing.
  private(set) var precision: Precision?
  /// What a rounded score begins with, for the table's numbers are all ``RoundedRows/offset`` too
  /// high; modulo 2¹⁶, as all sums are.
  private(set) var start: Int16 = 0
  /// Pairs of numbers: of a word's four bytes the first two, and again.
  private(set) var pairs: [Int32] = []
  private var rounding = Rounding()

  /// Rounds a query, (width).
  ///
  /// With quanta a and b, q = aQ + e and w = bW + f, so ⟨q, w⟩ is ab⟨Q, W⟩ but for
  /// ‖q‖·‖f‖ + ‖e‖·b‖W‖ at most; single precision adds (d + 1)·2⁻²⁴·‖q‖·‖w‖, and d of the least
  /// numbers there are. Twice that parts two items.
  mutating func round(_ query: Span<Float>, over rows: RoundedRows) {
    precision = nil
    pairs.resize(to: rows.pairs, filling: 0)
    let size = Rounding.size(query)
    var together: Float = 0
    for pair in pairs.indices {
      let second = 2 * pair + 1 < query.count ? query[2 * pair + 1].magnitude : 0
      together = max(together, query[2 * pair].magnitude + second)
    }
    // Two products at once must not leave 16 bits either: 255 · 128 does not.
    let room = Self.limit / max(rows.norm, 1) - Double(rows.width).squareRoot() / 2
    let quantum = size.norm == 0 ? 1 : max(size.norm / room, Double(together) / 127)
    guard let rowQuantum = rows.scale.quantum, room > 0, Rounding.usual.contains(quantum),
      size.norm * rows.scale.norm < 1e38
    else { return }
    rounding.round(query, by: quantum)
    guard rounding.norm * rows.norm <= Self.limit else { return }
    for pair in pairs.indices {
      let word = UInt32(rounding.pairs(pair / 8, plus: 0)[pair % 8])
      pairs[pair] = Int32(bitPattern: word | word << 16)
    }
    start = Int16(truncatingIfNeeded: -rounding.sum &* Int32(RoundedRows.offset))
    let ofRounding = size.norm * rows.lost + rounding.lost * rowQuantum * rows.norm
    let width = Double(rows.width)
    let ofSingles = (width + 1) * 0x1p-24 * size.norm * rows.scale.norm + width * 0x1p-149
    // A little more, for these sums are rounded too.
    let unit = quantum * rowQuantum
    let apart = 2 * 1.001 * (ofRounding + ofSingles) / unit + 2
    if apart < 2 * Self.limit { precision = Precision(unit: unit, margin: Int32(apart)) }
  }
}

/// Vectors as multiples of a quantum.
struct Rounding: Sendable {
  /// Quanta whose inverses single precision holds.
  static let usual = 1e-30...1e30
  /// 3 · 2²²: adding it leaves a float's nearest whole number in its low bits.
  private static let shift: Float = 12_582_912

  private var numbers: [SIMD16<Int32>] = []
  /// The sum of the rounded numbers.
  private(set) var sum: Int32 = 0
  /// The norm of the rounded vector, in quanta.
  private(set) var norm = 0.0
  /// The norm of what rounding took away.
  private(set) var lost = 0.0

  /// Eight pairs of numbers, each as the two bytes of a word, `offset` higher.
  func pairs(_ block: Int, plus offset: Int) -> SIMD8<UInt16> {
    let bytes = SIMD16<UInt8>(truncatingIfNeeded: numbers[block] &+ Int32(offset))
    return unsafe unsafeBitCast(bytes, to: SIMD8<UInt16>.self)
  }

  /// Rounds a vector whose numbers are few quanta.
  mutating func round(_ row: Span<Float>, by quantum: Double) {
    numbers.resize(to: (row.count + 15) / 16, filling: .zero)
    let inverse = Float(1 / quantum)
    var (squares, losses) = (Lanes.Vector.zero, Lanes.Vector.zero)
    var sums = SIMD16<Int32>.zero
    for block in numbers.indices {
      let first = 16 * block
      let scaled = inverse * (first + 16 <= row.count ? row.lanes(first) : row.lastLanes(first))
      let shifted = scaled + Self.shift
      numbers[block] = shifted.bitPatterns &- Int32(bitPattern: Self.shift.bitPattern)
      sums &+= numbers[block]
      let whole = shifted - Self.shift
      squares += whole * whole
      losses += (scaled - whole) * (scaled - whole)
    }
    sum = sums.wrappedSum()
    norm = Double(Lanes.total(squares)).squareRoot()
    lost = Double(Lanes.total(losses)).squareRoot() * quantum
  }

  /// A vector's norm and its greatest number; infinite if any number is not finite.
  static func size(_ row: Span<Float>) -> (norm: Double, number: Float) {
    var (sums, greatest, i) = (SIMD4<Double>.zero, SIMD4<Float>.zero, 0)
    while i < row.count {
      let rest = row.count - i
      let four = SIMD4(
        row[i],
        rest > 1 ? row[i + 1] : 0,
        rest > 2 ? row[i + 2] : 0,
        rest > 3 ? row[i + 3] : 0
      )
      let numbers = SIMD4<Double>(four)
      sums += numbers * numbers
      greatest.replace(with: four, where: four .> greatest)
      greatest.replace(with: -four, where: -four .> greatest)
      i += 4
    }
    let norm = sums.sum().squareRoot()
    return norm < .infinity ? (norm, greatest.max()) : (.infinity, .infinity)
  }
}
