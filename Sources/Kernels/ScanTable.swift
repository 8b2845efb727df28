internal import CVector

/// Vectors to be scanned for those nearest to a query: as they are, and rounded to 8 bits.
///
/// Rounded numbers are multiples of one quantum, so few that the inner product with a query that
/// is rounded likewise stays within 16 bits: by Cauchy and Schwarz, for the norms multiply to less.
package struct ScanTable: Sendable {
  /// Rows whose scores are made together.
  package static let lanes = 32
  /// What the norm of a rounded vector, in quanta, is meant not to exceed: √(2¹⁵ − 1).
  private static let greatestNorm = 181.0
  /// What is added to a rounded number, so that it has no sign.
  static let offset = 128

  package let count: Int
  package let width: Int
  /// All rows, (count, width).
  private let values: ArraySlice<Float>
  /// `panels[p · pairs + i]` holds inputs 2i and 2i + 1 of row 32p, then of row 32p + 1, and so on,
  /// each ``offset`` higher; empty if the numbers are not finite or of no usual size.
  let panels: [SIMD64<UInt8>]
  /// Pairs of inputs of a row; an odd one is beside a zero.
  var pairs: Int { (width + 1) / 2 }
  /// What the rounded numbers are multiples of.
  let quantum: Double
  /// The greatest norm of a row, and of a rounded one in quanta.
  let norm: Double
  let roundedNorm: Double
  /// The greatest norm of what rounding a row took away.
  let lost: Double

  /// Takes rows, each `width` long; what they are part of is shared, not copied.
  package init(_ rows: ArraySlice<Float>, width: Int) {
    precondition(width > 0 && rows.count % width == 0)
    values = rows
    self.width = width
    count = rows.count / width
    let span = rows.span
    var size = (norm: 0.0, number: Float(0))
    for row in 0..<count {
      let row = Rounding.size(span.extracting(elements(of: row, width: width)))
      size = (max(size.norm, row.norm), max(size.number, row.number))
    }
    norm = size.norm
    let room = Self.greatestNorm - Double(width).squareRoot() / 2
    quantum = norm == 0 ? 1 : max(norm / room, Double(size.number) / 127)
    guard room > 0, Rounding.usual.contains(quantum) else {
      (panels, roundedNorm, lost) = ([], 0, 0)
      return
    }
    (panels, roundedNorm, lost) = Self.rounded(span, width: width, quantum: quantum)
  }

  /// Panels, and the greatest norms of a rounded row and of what rounding took away.
  private static func rounded(
    _ rows: Span<Float>,
    width: Int,
    quantum: Double
  ) -> ([SIMD64<UInt8>], norm: Double, lost: Double) {
    let (count, pairs) = (rows.count / width, (width + 1) / 2)
    let zero = SIMD64(repeating: UInt8(offset))
    var panels = [SIMD64<UInt8>](repeating: zero, count: (count + lanes - 1) / lanes * pairs)
    var rounding = Rounding()
    var (norm, lost) = (0.0, 0.0)
    unsafe panels.withUnsafeMutableBytes { bytes in
      for row in 0..<count {
        rounding.round(rows.extracting(elements(of: row, width: width)), by: quantum)
        (norm, lost) = (max(norm, rounding.norm), max(lost, rounding.lost))
        let (panel, lane) = row.quotientAndRemainder(dividingBy: lanes)
        for input in 0..<width {
          let place = (panel * pairs + input / 2) * 2 * lanes + 2 * lane + input % 2
          unsafe bytes[place] = UInt8(truncatingIfNeeded: rounding[input] &+ Int32(offset))
        }
      }
    }
    return (panels, norm, lost)
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
    unsafe values.withUnsafeBufferPointer { values in
      guard let values = values.baseAddress else { return }
      for place in rows.indices {
        let row = Int(rows[place])
        precondition(row >= 0 && row < count)
        for input in stride(from: 0, to: width, by: 16) {
          unsafe vector_prefetch(values + row * width + input)
        }
      }
    }
    // Eight at a time, for one sum waits for itself.
    for place in stride(from: 0, to: rows.count, by: 8) {
      var starts = SIMD8<Int>.zero
      for offset in 0..<8 {
        starts[offset] = Int(rows[min(place + offset, rows.count - 1)]) * width
      }
      var (low, high) = (SIMD4<Float>.zero, SIMD4<Float>.zero)
      var input = 0
      while input + 4 <= width {
        let factors = query.four(input)
        let lows = values.columns(starts.lowHalf &+ input)
        let highs = values.columns(starts.highHalf &+ input)
        low += factors.x * lows.0
        high += factors.x * highs.0
        low += factors.y * lows.1
        high += factors.y * highs.1
        low += factors.z * lows.2
        high += factors.z * highs.2
        low += factors.w * lows.3
        high += factors.w * highs.3
        input += 4
      }
      while input < width {
        for lane in 0..<4 {
          low[lane] += query[input] * values[starts[lane] + input]
          high[lane] += query[input] * values[starts[4 + lane] + input]
        }
        input += 1
      }
      let sums = SIMD8(lowHalf: low, highHalf: high)
      for lane in 0..<min(8, rows.count - place) { scores.append(sums[lane]) }
    }
  }
}

extension Span<Float> {
  /// Four numbers from `start` on.
  @inline(__always)
  fileprivate func four(_ start: Int) -> SIMD4<Float> {
    precondition(start >= 0 && start + 4 <= count)
    return unsafe bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: start * MemoryLayout<Float>.stride,
      as: SIMD4<Float>.self
    )
  }

  /// The first numbers from four starts on, the second ones, and so on.
  @inline(__always)
  fileprivate func columns(
    _ starts: SIMD4<Int>
  ) -> (SIMD4<Float>, SIMD4<Float>, SIMD4<Float>, SIMD4<Float>) {
    let first = SIMD8(lowHalf: four(starts.x), highHalf: four(starts.y))
    let second = SIMD8(lowHalf: four(starts.z), highHalf: four(starts.w))
    let even = SIMD8(lowHalf: first.evenHalf, highHalf: second.evenHalf)
    let odd = SIMD8(lowHalf: first.oddHalf, highHalf: second.oddHalf)
    return (even.evenHalf, odd.evenHalf, even.oddHalf, odd.oddHalf)
  }
}
