/// Vectors to be scanned for those nearest to a query: as they are, and rounded to 16 bits.
///
/// Rounded numbers are multiples of one quantum, so small that no inner product with a query that
/// is rounded likewise leaves 32 bits: by Cauchy and Schwarz, for norms are at most 2¹⁵ quanta.
package struct ScanTable: Sendable {
  /// The norm of a rounded vector, in quanta, is no greater.
  static let greatestNorm = 32_767.0
  static let lanes = 16

  package let count: Int
  package let width: Int
  /// All rows, (count, width).
  private let values: ArraySlice<Float>
  /// `panels[p · pairs + i]` holds inputs 2i and 2i + 1 of row 16p, then of row 16p + 1, and so on;
  /// empty if any number is not finite.
  let panels: [SIMD32<Int16>]
  /// Pairs of inputs of a row; an odd one is beside a zero.
  var pairs: Int { (width + 1) / 2 }
  let quantum: Double
  /// The greatest norm of a row.
  let norm: Double

  /// Takes rows, each `width` long; what they are part of is shared, not copied.
  package init(_ rows: ArraySlice<Float>, width: Int) {
    precondition(width > 0 && rows.count % width == 0)
    values = rows
    self.width = width
    count = rows.count / width
    let span = rows.span
    norm = (0..<count).reduce(0) {
      max($0, Rounding.norm(of: span.extracting(elements(of: $1, width: width))))
    }
    quantum = Rounding.quantum(norm: norm, width: width)
    panels = quantum.isFinite ? Self.rounded(span, width: width, quantum: quantum) : []
  }

  private static func rounded(
    _ rows: Span<Float>,
    width: Int,
    quantum: Double
  ) -> [SIMD32<Int16>] {
    let (count, pairs) = (rows.count / width, (width + 1) / 2)
    let panelCount = (count + lanes - 1) / lanes
    var panels = [SIMD32<Int16>](repeating: .zero, count: panelCount * pairs)
    unsafe panels.withUnsafeMutableBytes { bytes in
      let numbers = unsafe bytes.assumingMemoryBound(to: Int16.self)
      for row in 0..<count {
        let (panel, lane) = row.quotientAndRemainder(dividingBy: lanes)
        for input in 0..<width {
          let place = (panel * pairs + input / 2) * 2 * lanes + 2 * lane + input % 2
          unsafe numbers[place] = Rounding.number(rows[row * width + input], 1 / quantum)
        }
      }
    }
    return panels
  }

  /// A row, (width).
  package func row(_ index: Int) -> [Float] {
    let first = values.startIndex + index * width
    return Array(values[first..<(first + width)])
  }

  /// Some rows, packed.
  func packed(_ rows: Range<Int>) -> PackedMatrix {
    PackedMatrix(
      outputsByInputs: values.span.extracting(elements(of: rows, width: width)),
      outputs: rows.count,
      inputs: width
    )
  }

  /// The inner products of a query, (width), with rows: inputs in order, each on its own, so that a
  /// product has the same bits whichever others are asked for.
  func products(_ query: Span<Float>, with rows: Span<Int32>, into scores: inout [Float]) {
    precondition(query.count == width)
    scores.removeAll(keepingCapacity: true)
    let values = values.span
    var place = 0
    // Four at a time, for one sum waits for itself.
    while place < rows.count {
      let last = rows.count - 1
      let (a, b) = (first(rows[place]), first(rows[min(place + 1, last)]))
      let (c, d) = (first(rows[min(place + 2, last)]), first(rows[min(place + 3, last)]))
      var sums = SIMD4<Float>.zero
      for i in 0..<width {
        sums += query[i] * SIMD4(values[a + i], values[b + i], values[c + i], values[d + i])
      }
      for lane in 0..<min(4, rows.count - place) { scores.append(sums[lane]) }
      place += 4
    }
  }

  private func first(_ row: Int32) -> Int {
    precondition(row >= 0 && row < count)
    return Int(row) * width
  }
}

/// Numbers as multiples of a quantum.
enum Rounding {
  /// Infinite if any number is not finite.
  static func norm(of row: Span<Float>) -> Double {
    var (sums, i) = (SIMD4<Double>.zero, 0)
    while i < row.count {
      let rest = row.count - i
      let numbers = SIMD4(
        Double(row[i]),
        rest > 1 ? Double(row[i + 1]) : 0,
        rest > 2 ? Double(row[i + 2]) : 0,
        rest > 3 ? Double(row[i + 3]) : 0
      )
      sums += numbers * numbers
      i += 4
    }
    let norm = sums.sum().squareRoot()
    return norm.isNaN ? .infinity : norm
  }

  /// That of vectors whose greatest norm is `norm`; not finite if that is not.
  static func quantum(norm: Double, width: Int) -> Double {
    // Rounding makes a norm longer by half a quantum for each number at most.
    norm == 0 ? 1 : norm / (ScanTable.greatestNorm - Double(width).squareRoot())
  }

  @inline(__always)
  static func number(_ value: Float, _ inverseQuantum: Double) -> Int16 {
    Int16((Double(value) * inverseQuantum).rounded(.toNearestOrEven))
  }
}
