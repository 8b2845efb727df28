extension [Float] {
  /// Makes it `count` numbers long, keeping its memory when that is large enough.
  package mutating func resize(to count: Int) {
    if self.count > count {
      removeLast(self.count - count)
    } else {
      append(contentsOf: repeatElement(0, count: count - self.count))
    }
  }

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

/// Where a row lies in a row-major matrix whose rows have `width` numbers.
package func elements(of row: Int, width: Int) -> Range<Int> {
  (row * width)..<(row * width + width)
}

/// Where some rows lie in a row-major matrix whose rows have `width` numbers.
package func elements(of rows: Range<Int>, width: Int) -> Range<Int> {
  (rows.lowerBound * width)..<(rows.upperBound * width)
}
