/// Softmax of one row, and its gradient.
package enum Softmax {
  /// Replaces scores by weights that sum to one; a score of −∞ gets none.
  ///
  /// A row of nothing but −∞ becomes zeros.
  package static func forward(_ row: inout MutableSpan<Float>) {
    guard row.count > 0 else { return }
    var highest = row[0]
    for i in row.indices where row[i] > highest { highest = row[i] }
    if highest == -.infinity {
      for i in row.indices { row[i] = 0 }
      return
    }
    var sum: Float = 0
    var start = 0
    while start < row.count {
      let lanes = min(Lanes.count, row.count - start)
      let whole = lanes == Lanes.count
      let scores = whole ? row.lanes(start) : row.span.lastLanes(start)
      let powers = Exponential.of(scores - highest)
      for i in 0..<lanes {
        let power = row[start + i] == -.infinity ? 0 : powers[i]
        row[start + i] = power
        sum += power
      }
      start += lanes
    }
    for i in row.indices { row[i] /= sum }
  }

  /// Replaces the gradient of the weights `p` by that of the scores: p·(g − Σ p·g).
  package static func backward(weights p: Span<Float>, gradient g: inout MutableSpan<Float>) {
    precondition(p.count == g.count)
    var sum: Float = 0
    for i in p.indices { sum += p[i] * g[i] }
    for i in p.indices { g[i] = p[i] * (g[i] - sum) }
  }
}
