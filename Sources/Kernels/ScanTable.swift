/// Vectors to be scanned for those nearest to a query: as they are, and rounded to 8 bits.
package struct ScanTable: Sendable {
  package let count: Int
  package let width: Int
  /// All rows, (count, width).
  private let values: ArraySlice<Float>
  let rounded: RoundedRows

  /// Takes rows, each `width` long; what they are part of is shared, not copied.
  package init(_ rows: ArraySlice<Float>, width: Int) {
    precondition(width > 0 && rows.count % width == 0)
    values = rows
    self.width = width
    count = rows.count / width
    rounded = RoundedRows(rows.span, width: width)
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
    // Eight at a time, for one sum waits for itself.
    for place in stride(from: 0, to: rows.count, by: 8) {
      var starts = SIMD8<Int>.zero
      for offset in 0..<8 {
        let row = Int(rows[min(place + offset, rows.count - 1)])
        precondition(row >= 0 && row < count)
        starts[offset] = row * width
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
