internal import Glibc

/// Softmax cross-entropy of rows over all rows of a table, and its gradient, without ever holding
/// all scores: −log softmax(scale · x·Tᵀ) at the target.
package enum CrossEntropy {
  /// Items that a row's softmax leaves out, but never its target.
  ///
  /// For each row a range of `items`, which are rows of the table, or −1 for nothing.
  package struct Mask: Sendable {
    package var items: [Int32]
    package var ranges: [Range<Int>]

    package init(items: [Int32], ranges: [Range<Int>]) {
      self.items = items
      self.ranges = ranges
    }
  }

  /// Rows whose scores are held at a time.
  private static let chunk = 64
  /// A score whose exponential is nothing beside any other.
  private static let leftOut: Float = -1e30

  /// Sums `weight` · loss, and adds its gradient to `dx` and `dtable`.
  ///
  /// - Parameters:
  ///   - x: (rows, width).
  ///   - table: (items, width).
  ///   - width: Elements of a row.
  ///   - targets: A row of the table for each row, or −1 for a row without a loss. (rows)
  ///   - offsets: What is added to each item's score, such as the logarithm of how many items a
  ///     sampled one stands for. (items)
  ///   - mask: What each row's softmax leaves out; nil for nothing.
  ///   - scale: What scores are multiplied by: 1 / temperature.
  ///   - weight: What each row's loss counts.
  ///   - scores: Memory that is kept from call to call.
  ///   - dx: Gradient of x. (rows, width)
  ///   - dtable: Gradient of the table. (items, width)
  /// - Returns: The sum.
  package static func learn(
    _ x: Span<Float>,
    table: Span<Float>,
    width: Int,
    targets: Span<Int32>,
    offsets: Span<Float>? = nil,
    mask: Mask? = nil,
    scale: Float,
    weight: Float,
    scores: inout [Float],
    dx: inout MutableSpan<Float>,
    dtable: inout MutableSpan<Float>,
  ) -> Double {
    let (rows, items) = (targets.count, table.count / width)
    precondition(x.count == rows * width && dx.count == x.count && dtable.count == table.count)
    var sum = 0.0
    for start in stride(from: 0, to: rows, by: chunk) {
      let count = min(chunk, rows - start)
      let range = elements(of: start..<(start + count), width: width)
      scores.resize(to: count * items)
      var part = scores.mutableSpan
      let input = x.extracting(range)
      Gemm.multiply(
        input,
        transposed: false,
        table,
        transposed: true,
        into: &part,
        m: count,
        n: items,
        k: width,
        alpha: scale
      )
      for row in 0..<count {
        var line = part._mutatingExtracting(elements(of: row, width: items))
        if let offsets { Lanes.add(offsets, to: &line) }
        let target = Int(targets[start + row])
        if let mask {
          for item in mask.items[mask.ranges[start + row]] where item >= 0 && Int(item) != target {
            line[Int(item)] = leftOut
          }
        }
        sum += Double(weight) * differentiate(&line, target: target, weight)
      }
      var dinput = dx._mutatingExtracting(range)
      Gemm.multiply(
        part.span,
        table,
        into: &dinput,
        m: count,
        n: width,
        k: items,
        alpha: scale,
        beta: 1
      )
      Gemm.multiply(
        part.span,
        transposed: true,
        input,
        into: &dtable,
        m: items,
        n: width,
        k: count,
        alpha: scale,
        beta: 1
      )
    }
    return sum
  }

  /// Replaces a row's scores by their gradient, and returns its loss.
  private static func differentiate(
    _ scores: inout MutableSpan<Float>,
    target: Int,
    _ weight: Float
  ) -> Double {
    if target < 0 {
      for i in scores.indices { scores[i] = 0 }
      return 0
    }
    let score = scores[target]
    let (highest, total) = Softmax.exponentiate(&scores)
    let factor = weight / total
    Lanes.scale(&scores, by: factor)
    scores[target] -= weight
    return log(Double(total)) + Double(highest) - Double(score)
  }
}
