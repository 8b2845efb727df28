/// The directions of items' vectors, for telling how alike the items of a list are.
package struct ItemEmbeddings: Sendable {
  private let width: Int
  /// Each vector at length 1, or 0 where it has no direction (items, width).
  private let unit: [Float]

  /// - Parameters:
  ///   - values: A vector for each item of the catalogue (items, width).
  ///   - width: How long each vector is.
  package init(_ values: [Float], width: Int) {
    precondition(width > 0 && values.count.isMultiple(of: width), "whole vectors")
    self.width = width
    var unit = values
    for start in stride(from: 0, to: values.count, by: width) {
      let square = values[start..<start + width].reduce(0) { $0 + Double($1) * Double($1) }
      let scale = square > 0 ? 1 / square.squareRoot() : 0
      for index in start..<start + width {
        unit[index] = scale > 0 ? Float(Double(values[index]) * scale) : 0
      }
    }
    self.unit = unit
  }

  /// The mean of 1 − cosine over all pairs of `items`; `nil` with fewer than two of them.
  ///
  /// Complexity: O(items · width), as Σ_{i≠j} x_i·x_j = |Σ x_i|² − Σ |x_i|².
  package func meanDistance(_ items: some Collection<Int32>) -> Double? {
    let known = items.filter { $0 >= 0 && (Int($0) + 1) * width <= unit.count }
    if known.count < 2 { return nil }
    var sum = [Double](repeating: 0, count: width)
    var squares = 0.0
    for item in known {
      for column in 0..<width {
        let value = Double(unit[Int(item) * width + column])
        sum[column] += value
        squares += value * value
      }
    }
    let product = sum.reduce(0) { $0 + $1 * $1 } - squares
    return 1 - product / Double(known.count * (known.count - 1))
  }
}
