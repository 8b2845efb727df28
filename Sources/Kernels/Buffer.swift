extension Array {
  /// Makes it `count` elements long, keeping its memory when that is large enough.
  mutating func resize(to count: Int, filling element: Element) {
    if self.count > count {
      removeLast(self.count - count)
    } else {
      append(contentsOf: repeatElement(element, count: count - self.count))
    }
  }
}

extension [Float] {
  /// Makes it `count` numbers long, keeping its memory when that is large enough.
  package mutating func resize(to count: Int) { resize(to: count, filling: 0) }

  /// Makes it `count` zeros, keeping its memory when that is large enough.
  package mutating func clear(_ count: Int) {
    removeAll(keepingCapacity: true)
    append(contentsOf: repeatElement(0, count: count))
  }

  /// Lends some of the numbers.
  package mutating func edit(_ part: Range<Int>, _ body: (inout MutableSpan<Float>) -> Void) {
    var all = mutableSpan
    var lent = all._mutatingExtracting(part)
    body(&lent)
  }

  /// Lends all numbers.
  package mutating func edit(_ body: (inout MutableSpan<Float>) -> Void) {
    var all = mutableSpan
    body(&all)
  }
}

extension [Float] {
  /// Appends numbers whose bytes lie lowest first, four to a number.
  package mutating func append(littleEndian bytes: Span<UInt8>) {
    precondition(bytes.count % 4 == 0)
    unsafe bytes.withUnsafeBytes { bytes in
      if 1.littleEndian == 1, Int(bitPattern: bytes.baseAddress) % 4 == 0 {
        return unsafe append(contentsOf: bytes.assumingMemoryBound(to: Float.self))
      }
      for i in stride(from: 0, to: bytes.count, by: 4) {
        let bits = unsafe bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self)
        append(Float(bitPattern: UInt32(littleEndian: bits)))
      }
    }
  }
}

extension [UInt8] {
  /// Appends the numbers' bytes, four to a number, lowest first.
  package mutating func append(littleEndian numbers: Span<Float>) {
    if 1.littleEndian == 1 {
      unsafe numbers.bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
      return
    }
    for i in numbers.indices {
      let bits = numbers[i].bitPattern
      for shift in stride(from: 0, to: 32, by: 8) {
        append(UInt8(truncatingIfNeeded: bits >> UInt32(shift)))
      }
    }
  }
}

/// Where a row lies in a row-major matrix whose rows have `width` numbers.
package func elements(of row: Int, width: Int) -> Range<Int> {
  (row * width)..<(row * width + width)
}

/// Where some rows lie in a row-major matrix whose rows have `width` numbers.
package func elements(of rows: Range<Int>, width: Int) -> Range<Int> {
  (rows.lowerBound * width)..<(rows.upperBound * width)
}
