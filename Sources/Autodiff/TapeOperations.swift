internal import Kernels

extension Tape {
  /// Numbers that are given, (rows, width).
  package mutating func constant(_ numbers: [Float], width: Int) -> Node {
    append(.constant, rows: numbers.count / width, width: width) { _, y, _ in
      for i in y.indices { y[i] = numbers[i] }
    }
  }

  /// A part of the parameters as rows.
  package mutating func parameter(_ range: Range<Int>, width: Int) -> Node {
    append(.parameter(range), rows: range.count / width, width: width) { tape, y, _ in
      for i in y.indices { y[i] = tape.parameters[range.lowerBound + i] }
    }
  }

  /// x·Wᵀ + b, where `range` holds W, (outputs, width of x), and behind it b.
  package mutating func linear(_ x: Node, _ range: Range<Int>) -> Node {
    append(.linear(x, range), rows: x.rows, width: range.count / (x.width + 1)) { tape, y, _ in
      let input = tape.values[x.index]
      Linear.forward(
        input.span,
        weightAndBias: tape.parameters.span.extracting(range),
        inputs: x.width,
        into: &y
      )
    }
  }

  /// Layer normalisation, where `range` holds gain and bias.
  package mutating func norm(_ x: Node, _ range: Range<Int>) -> Node {
    append(.norm(x, range), rows: x.rows, width: x.width, saving: 2 * x.rows) { tape, y, moments in
      let input = tape.values[x.index]
      LayerNorm.forward(
        input.span,
        gainAndBias: tape.parameters.span.extracting(range),
        into: &y,
        moments: &moments
      )
    }
  }

  /// Each row brought to a length.
  package mutating func sphere(_ x: Node, length: Float) -> Node {
    append(
      .sphere(x, length: length),
      rows: x.rows,
      width: x.width,
      saving: x.rows
    ) { tape, y, factors in
      let input = tape.values[x.index]
      Sphere.forward(
        input.span,
        width: y.count / factors.count,
        length: length,
        into: &y,
        factors: &factors
      )
    }
  }

  package mutating func relu(_ x: Node) -> Node {
    append(.relu(x), rows: x.rows, width: x.width) { tape, y, _ in
      let input = tape.values[x.index]
      for i in y.indices { y[i] = input[i] }
      Relu.forward(&y)
    }
  }

  package mutating func gelu(_ x: Node) -> Node {
    append(.gelu(x), rows: x.rows, width: x.width) { tape, y, _ in
      let input = tape.values[x.index]
      Gelu.forward(input.span, into: &y)
    }
  }

  package mutating func sum(_ a: Node, _ b: Node) -> Node {
    precondition(a.rows == b.rows && a.width == b.width)
    return append(.sum(a, b), rows: a.rows, width: a.width) { tape, y, _ in
      let first = tape.values[a.index]
      let second = tape.values[b.index]
      Lanes.add(first.span, second.span, into: &y)
    }
  }

  /// Each row times a number of its own.
  package mutating func weighted(_ x: Node, by factors: [Float]) -> Node {
    precondition(factors.count == x.rows)
    return append(.weighted(x, factors), rows: x.rows, width: x.width) { tape, y, _ in
      let input = tape.values[x.index]
      for row in factors.indices {
        for i in elements(of: row, width: x.width) { y[i] = factors[row] * input[i] }
      }
    }
  }

  /// x ⊙ (1 + γ) + β, where `m` has twice the width: γ and beside it β.
  package mutating func modulated(_ x: Node, by m: Node) -> Node {
    precondition(m.rows == x.rows && m.width == 2 * x.width)
    return append(.modulated(x, m), rows: x.rows, width: x.width) { tape, y, _ in
      let (input, maps) = (tape.values[x.index], tape.values[m.index])
      for row in 0..<x.rows {
        for i in 0..<x.width {
          let (at, map) = (row * x.width + i, 2 * row * x.width + i)
          y[at] = input[at] * (1 + maps[map]) + maps[map + x.width]
        }
      }
    }
  }

  /// Each number times 0 with probability p, else times 1 / (1 − p) (Srivastava and others 2014).
  package mutating func dropout(_ x: Node, probability: Float, seed: UInt64) -> Node {
    if probability == 0 { return x }
    return append(
      .dropout(x),
      rows: x.rows,
      width: x.width,
      saving: x.count
    ) { tape, y, multipliers in
      var dropout = Dropout(seed: seed, probability: probability)
      dropout.draw(into: &multipliers)
      let input = tape.values[x.index]
      for i in y.indices { y[i] = multipliers[i] * input[i] }
    }
  }

  /// Some rows of x, in the order of `rows`; a row may come again.
  package mutating func take(_ x: Node, _ rows: [Int32]) -> Node {
    append(.take(x, rows), rows: rows.count, width: x.width) { tape, y, _ in
      let input = tape.values[x.index]
      for (row, from) in rows.enumerated() {
        let (start, source) = (row * x.width, Int(from) * x.width)
        for i in 0..<x.width { y[start + i] = input[source + i] }
      }
    }
  }

  /// Rows side by side: each row of the first, then that of the second, and so on.
  package mutating func join(_ parts: [Node]) -> Node {
    let width = parts.reduce(0) { $0 + $1.width }
    precondition(parts.allSatisfy { $0.rows == parts[0].rows })
    return append(.join(parts), rows: parts[0].rows, width: width) { tape, y, _ in
      var start = 0
      for part in parts {
        let input = tape.values[part.index]
        for row in 0..<part.rows {
          for i in 0..<part.width { y[row * width + start + i] = input[row * part.width + i] }
        }
        start += part.width
      }
    }
  }

  /// For each row the mean of all other rows; zeros for a single row.
  package mutating func others(_ x: Node) -> Node {
    append(.others(x), rows: x.rows, width: x.width) { tape, y, _ in
      for i in y.indices { y[i] = 0 }
      let input = tape.values[x.index]
      Self.addOthers(input.span, width: x.width, to: &y)
    }
  }

  /// Adds to each row of y the mean of all other rows of x: a symmetric map, so its own gradient.
  static func addOthers(_ x: Span<Float>, width: Int, to y: inout MutableSpan<Float>) {
    let rows = x.count / width
    if rows < 2 { return }
    let share = 1 / Float(rows - 1)
    for column in 0..<width {
      let sum = (0..<rows).reduce(Float(0)) { $0 + x[$1 * width + column] }
      for row in 0..<rows {
        y[row * width + column] += share * (sum - x[row * width + column])
      }
    }
  }

  /// Each row of x where the flag stands, else the only row of `other`.
  package mutating func choose(_ x: Node, or other: Node, where keeps: [Bool]) -> Node {
    precondition(keeps.count == x.rows && other.rows == 1 && other.width == x.width)
    return append(.choose(x, other, keeps), rows: x.rows, width: x.width) { tape, y, _ in
      let (first, second) = (tape.values[x.index], tape.values[other.index])
      for row in keeps.indices {
        for i in 0..<x.width {
          y[row * x.width + i] = keeps[row] ? first[row * x.width + i] : second[i]
        }
      }
    }
  }

  /// Causal attention within each sequence: `lengths` rows of each follow one another.
  package mutating func attention(
    query: Node,
    key: Node,
    value: Node,
    lengths: [Int32],
    heads: Int,
  ) -> Node {
    let weights = lengths.reduce(0) { $0 + heads * Int($1) * Int($1) }
    precondition(lengths.reduce(0, +) == query.rows)
    return append(
      .attention(query, key, value, lengths: lengths, heads: heads),
      rows: query.rows,
      width: query.width,
      saving: weights
    ) { tape, y, weights in
      let (q, k, v) = (tape.values[query.index], tape.values[key.index], tape.values[value.index])
      var (start, used) = (0, 0)
      for length in lengths where length > 0 {
        let form = CausalAttention.Form(rows: Int(length), width: query.width, heads: heads)
        let part = elements(of: start..<(start + form.rows), width: query.width)
        var p = weights._mutatingExtracting(used..<(used + form.weights))
        var output = y._mutatingExtracting(part)
        CausalAttention.forward(
          form,
          query: q.span.extracting(part),
          key: k.span.extracting(part),
          value: v.span.extracting(part),
          weights: &p,
          into: &output
        )
        (start, used) = (start + form.rows, used + form.weights)
      }
    }
  }
}
