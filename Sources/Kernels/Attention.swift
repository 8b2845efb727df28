/// Attention of one query over the rows it may see, and its gradient.
///
/// The keys are not projected: since q·(W x + b) = (Wᵀq)·x + q·b, and softmax ignores what all
/// scores share, it is enough to score the rows x themselves against u = Wᵀq. The values are
/// projected after the sum, which is linear. So one row of each product is left instead of one per
/// position.
package enum Attention {
  /// Writes the rows' weights, softmax(scale · x·u).
  ///
  /// A row whose numbers sum to zero is hidden, as the published model hides its padding; if all
  /// do, none is hidden.
  ///
  /// - Parameters:
  ///   - query: u, (width).
  ///   - rows: x, (count, width).
  ///   - scale: 1/√width, as a rule.
  ///   - weights: (count); its size gives the number of rows.
  package static func score(
    query: Span<Float>,
    rows: Span<Float>,
    scale: Float,
    into weights: inout MutableSpan<Float>,
  ) {
    let width = query.count
    precondition(width > 0 && rows.count == weights.count * width)
    var allHidden = true
    for j in weights.indices {
      let row = rows.extracting((j * width)..<(j * width + width))
      let hidden = Lanes.sum(row) == 0
      weights[j] = hidden ? -.infinity : scale * Lanes.dot(query, row)
      allHidden = allHidden && hidden
    }
    if allHidden {
      for j in weights.indices {
        let row = rows.extracting((j * width)..<(j * width + width))
        weights[j] = scale * Lanes.dot(query, row)
      }
    }
    Softmax.forward(&weights)
  }

  /// Writes Σ weightⱼ · rowⱼ to `context`, (width).
  package static func sum(
    rows: Span<Float>,
    weights: Span<Float>,
    into context: inout MutableSpan<Float>,
  ) {
    let width = context.count
    precondition(rows.count == weights.count * width)
    for i in context.indices { context[i] = 0 }
    for j in weights.indices {
      let row = rows.extracting((j * width)..<(j * width + width))
      Lanes.add(row, times: weights[j], to: &context)
    }
  }

  /// Adds to `dquery` and `drows` what the gradient of the scores asks of them.
  package static func backward(
    query: Span<Float>,
    rows: Span<Float>,
    scale: Float,
    dscores: Span<Float>,
    dquery: inout MutableSpan<Float>,
    drows: inout MutableSpan<Float>,
  ) {
    let width = query.count
    precondition(rows.count == dscores.count * width && drows.count == rows.count)
    for j in dscores.indices {
      let range = (j * width)..<(j * width + width)
      Lanes.add(rows.extracting(range), times: scale * dscores[j], to: &dquery)
      var drow = drows._mutatingExtracting(range)
      Lanes.add(query, times: scale * dscores[j], to: &drow)
    }
  }
}
