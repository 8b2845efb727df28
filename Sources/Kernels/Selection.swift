extension Array {
  /// The first `count` elements of a sort; `precedes` is a strict total order.
  @inlinable
  package func first(_ count: Int, by precedes: (Element, Element) -> Bool) -> [Element] {
    var elements = self
    elements.keepFirst(count, by: precedes)
    elements.sort(by: precedes)
    return elements
  }

  /// Drops all but the first `count` elements of a sort, and leaves these in any order.
  ///
  /// Quickselect (Hoare 1961): O(n), but for odd inputs, which are sorted.
  @inlinable
  package mutating func keepFirst(_ count: Int, by precedes: (Element, Element) -> Bool) {
    guard count < self.count else { return }
    var range = indices
    var rounds = 0
    while count > 0, range.count > 1 {
      rounds += 1
      if rounds > 50 {
        self[range].sort(by: precedes)
        break
      }
      let (lower, upper) = part(range, by: precedes)
      if count < lower.upperBound {
        range = lower
      } else if count > upper.lowerBound {
        range = upper
      } else {
        break
      }
    }
    removeLast(self.count - Swift.max(0, count))
  }

  /// Parts a range about its middle element, as Hoare does.
  ///
  /// Nothing in `lower` comes after anything in `upper`, and what is between them is in its place.
  @inlinable
  package mutating func part(
    _ range: Range<Int>,
    by precedes: (Element, Element) -> Bool
  ) -> (lower: Range<Int>, upper: Range<Int>) {
    let pivot = self[range.lowerBound + range.count / 2]
    var (low, high) = (range.lowerBound, range.upperBound - 1)
    while low <= high {
      while precedes(self[low], pivot) { low += 1 }
      while precedes(pivot, self[high]) { high -= 1 }
      if low <= high {
        swapAt(low, high)
        low += 1
        high -= 1
      }
    }
    return (range.lowerBound..<high + 1, low..<range.upperBound)
  }
}
