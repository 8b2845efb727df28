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

  /// Replaces finite scores by e to each, less the highest; returns that and the sum.
  static func exponentiate(_ row: inout MutableSpan<Float>) -> (highest: Float, sum: Float) {
    let whole = row.count / Lanes.count * Lanes.count
    var highest = row[0]
    if whole > 0 {
      var lanes = row.lanes(0)
      for i in stride(from: Lanes.count, to: whole, by: Lanes.count) {
        let next = row.lanes(i)
        lanes.replace(with: next, where: next .> lanes)
      }
      highest = lanes.max()
    }
    for i in whole..<row.count where row[i] > highest { highest = row[i] }
    var lanes = Lanes.Vector.zero
    for i in stride(from: 0, to: whole, by: Lanes.count) {
      let powers = Exponential.of(row.lanes(i) - highest)
      row.setLanes(i, powers)
      lanes += powers
    }
    var sum = Lanes.total(lanes)
    if whole < row.count {
      row.setLastLanes(whole, Exponential.of(row.span.lastLanes(whole) - highest))
      for i in whole..<row.count { sum += row[i] }
    }
    return (highest, sum)
  }

  /// Replaces the gradient of the weights `p` by that of the scores: p·(g − Σ p·g).
  package static func backward(weights p: Span<Float>, gradient g: inout MutableSpan<Float>) {
    precondition(p.count == g.count)
    var sum: Float = 0
    for i in p.indices { sum += p[i] * g[i] }
    for i in p.indices { g[i] = p[i] * (g[i] - sum) }
  }
}
