package import Kernels
internal import Glibc

extension Tape {
  /// Adds the loss Σ weight · −log softmax(scale · x·Tᵀ)[target], over all rows of `table`.
  ///
  /// - Parameters:
  ///   - x: (rows, width).
  ///   - table: (items, width).
  ///   - targets: A row of the table for each row of x, or −1 for none.
  ///   - offsets: What is added to each row's score of the table, or nil for nothing.
  ///   - mask: What each row's softmax leaves out, or nil for nothing.
  ///   - scale: 1 / temperature.
  ///   - weight: What each row's loss counts.
  /// - Returns: The loss.
  package mutating func crossEntropy(
    _ x: Node,
    table: Node,
    targets: [Int32],
    offsets: [Float]? = nil,
    mask: CrossEntropy.Mask? = nil,
    scale: Float,
    weight: Float,
  ) -> Double {
    precondition(targets.count == x.rows && x.width == table.width && x != table)
    var (dx, dtable) = ([Float](), [Float]())
    swap(&dx, &gradients[x.index])
    swap(&dtable, &gradients[table.index])
    var scores: [Float] = []
    swap(&scores, &scratch)
    var dxPart = dx.mutableSpan
    var dtablePart = dtable.mutableSpan
    let (input, items) = (values[x.index], values[table.index])
    let loss = CrossEntropy.learn(
      input.span,
      table: items.span,
      width: x.width,
      targets: targets.span,
      offsets: offsets?.span,
      mask: mask,
      scale: scale,
      weight: weight,
      scores: &scores,
      dx: &dxPart,
      dtable: &dtablePart
    )
    swap(&scores, &scratch)
    swap(&dx, &gradients[x.index])
    swap(&dtable, &gradients[table.index])
    return loss
  }

  /// Adds the loss Σ weight · (x − y)², over all numbers.
  package mutating func squaredError(_ x: Node, _ y: Node, weight: Float) -> Double {
    precondition(x.rows == y.rows && x.width == y.width)
    var loss = 0.0
    for i in 0..<x.count {
      let difference = values[x.index][i] - values[y.index][i]
      loss += Double(weight * difference * difference)
      gradients[x.index][i] += 2 * weight * difference
      gradients[y.index][i] -= 2 * weight * difference
    }
    return loss
  }

  /// Adds the loss Σ weight · (softplus(−x·p) + softplus(x·n)) over rows: binary cross-entropy with
  /// one negative (Kang and McAuley 2018, equation 7).
  package mutating func binaryCrossEntropy(
    _ x: Node,
    positive: Node,
    negative: Node,
    weight: Float
  ) -> Double {
    precondition(positive.count == x.count && negative.count == x.count)
    var loss = 0.0
    for row in 0..<x.rows {
      let range = elements(of: row, width: x.width)
      for (other, sign) in [(positive, Float(-1)), (negative, Float(1))] {
        let (input, compared) = (values[x.index], values[other.index])
        let score = Lanes.dot(
          input.span.extracting(range),
          compared.span.extracting(range)
        )
        loss += Double(weight * softplus(sign * score))
        let slope = weight * sign / (1 + exp(-sign * score))
        for i in range {
          gradients[x.index][i] += slope * values[other.index][i]
          gradients[other.index][i] += slope * values[x.index][i]
        }
      }
    }
    return loss
  }

  /// Adds the loss Σ weight · softplus(γ·(y·n − x·p)): a preference for pairs (x, p) over (y, n),
  /// −log σ(−γ·(ℓ⁺ − ℓ⁻)) for the cosine errors ℓ⁺ = 1 − x·p and ℓ⁻ = 1 − y·n of rows of length 1
  /// (PreferDiff: Liu and others 2025, equation 9).
  ///
  /// - Parameters:
  ///   - x: Estimates of what is wanted.
  ///   - positive: What is wanted.
  ///   - y: Estimates of what is not.
  ///   - negative: What is not wanted.
  ///   - gamma: How sharply the two errors are told apart, γ.
  ///   - weight: What each row's loss counts.
  /// - Returns: The loss.
  package mutating func preference(
    _ x: Node,
    positive: Node,
    over y: Node,
    negative: Node,
    gamma: Float,
    weight: Float
  ) -> Double {
    let pairs = [(x, positive, Float(-1)), (y, negative, Float(1))]
    precondition(pairs.allSatisfy { $0.0.count == x.count && $0.1.count == x.count })
    var loss = 0.0
    for row in 0..<x.rows {
      let range = elements(of: row, width: x.width)
      var score: Float = 0
      for (a, b, sign) in pairs {
        let (first, second) = (values[a.index], values[b.index])
        score += sign * Lanes.dot(first.span.extracting(range), second.span.extracting(range))
      }
      loss += Double(weight * softplus(gamma * score))
      let slope = weight * gamma / (1 + exp(-gamma * score))
      for (a, b, sign) in pairs {
        for i in range {
          gradients[a.index][i] += slope * sign * values[b.index][i]
          gradients[b.index][i] += slope * sign * values[a.index][i]
        }
      }
    }
    return loss
  }

  private func softplus(_ x: Float) -> Float { max(x, 0) + log1p(exp(-abs(x))) }
}
