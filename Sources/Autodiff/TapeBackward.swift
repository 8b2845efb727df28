internal import Kernels

extension Tape {
  /// Takes the losses' gradient through the tape to the parameters.
  package mutating func backward() {
    for node in nodes.reversed() {
      // Taken out while it is read: gradients of earlier nodes are written meanwhile.
      var dy: [Float] = []
      swap(&dy, &gradients[node.index])
      backward(node, dy: dy)
      swap(&dy, &gradients[node.index])
    }
  }

  private mutating func backward(_ node: Node, dy: [Float]) {
    switch operations[node.index] {
    case .constant: break
    case .parameter(let range): gradient.edit(range) { Lanes.add(dy.span, to: &$0) }
    case .linear(let x, let range): backwardLinear(x, range, dy)
    case .norm(let x, let range): backwardNorm(node, x, range, dy)
    case .sphere(let x, let length):
      let (y, factors) = (values[node.index], saved[node.index])
      gradients[x.index].edit {
        Sphere.backward(
          y: y.span,
          width: x.width,
          length: length,
          factors: factors.span,
          dy: dy.span,
          dx: &$0
        )
      }
    case .relu(let x):
      let y = values[node.index]
      gradients[x.index].edit { dx in
        for i in dx.indices where y[i] > 0 { dx[i] += dy[i] }
      }
    case .gelu(let x):
      let input = values[x.index]
      gradients[x.index].edit { Gelu.backward(x: input.span, dy: dy.span, dx: &$0) }
    case .sum(let a, let b):
      for x in [a, b] { gradients[x.index].edit { Lanes.add(dy.span, to: &$0) } }
    case .weighted(let x, let factors):
      gradients[x.index].edit { dx in
        for row in factors.indices {
          for i in elements(of: row, width: x.width) { dx[i] += factors[row] * dy[i] }
        }
      }
    case .modulated(let x, let m): backwardModulated(x, m, dy)
    case .dropout(let x):
      let multipliers = saved[node.index]
      gradients[x.index].edit { dx in
        for i in dx.indices { dx[i] += multipliers[i] * dy[i] }
      }
    case .take(let x, let rows):
      gradients[x.index].edit { dx in
        for (row, to) in rows.enumerated() {
          var target = dx._mutatingExtracting(elements(of: Int(to), width: x.width))
          Lanes.add(dy.span.extracting(elements(of: row, width: x.width)), to: &target)
        }
      }
    case .join(let parts):
      var start = 0
      for part in parts {
        backwardJoin(part, from: start, of: node.width, dy)
        start += part.width
      }
    case .others(let x):
      gradients[x.index].edit { Self.addOthers(dy.span, width: x.width, to: &$0) }
    case .choose(let x, let other, let keeps):
      for (row, keep) in keeps.enumerated() {
        let part = elements(of: row, width: x.width)
        gradients[keep ? x.index : other.index].edit(keep ? part : 0..<x.width) {
          Lanes.add(dy.span.extracting(part), to: &$0)
        }
      }
    case .attention(let query, let key, let value, let lengths, let heads):
      backwardAttention(node, query, key, value, lengths, heads, dy)
    }
  }

  private mutating func backwardJoin(_ x: Node, from start: Int, of width: Int, _ dy: [Float]) {
    gradients[x.index].edit { dx in
      for row in 0..<x.rows {
        for i in 0..<x.width { dx[row * x.width + i] += dy[row * width + start + i] }
      }
    }
  }

  private mutating func backwardModulated(_ x: Node, _ m: Node, _ dy: [Float]) {
    let (input, maps, d) = (values[x.index], values[m.index], x.width)
    gradients[x.index].edit { dx in
      for i in dx.indices { dx[i] += dy[i] * (1 + maps[i + i / d * d]) }
    }
    gradients[m.index].edit { dm in
      for i in dy.indices {
        let map = i + i / d * d
        dm[map] += dy[i] * input[i]
        dm[map + d] += dy[i]
      }
    }
  }

  private mutating func backwardLinear(_ x: Node, _ range: Range<Int>, _ dy: [Float]) {
    gradients[x.index].edit { [parameters] in
      Linear.backward(
        dy: dy.span,
        weightAndBias: parameters.span.extracting(range),
        inputs: x.width,
        dx: &$0
      )
    }
    let input = values[x.index]
    gradient.edit(range) {
      Linear.backward(
        x: input.span,
        dy: dy.span,
        inputs: x.width,
        dweightAndBias: &$0
      )
    }
  }

  private mutating func backwardNorm(_ node: Node, _ x: Node, _ range: Range<Int>, _ dy: [Float]) {
    var dx: [Float] = []
    swap(&dx, &gradients[x.index])
    let (input, moments) = (values[x.index], saved[node.index])
    gradient.edit(range) { [parameters] dgainAndBias in
      dx.edit {
        LayerNorm.backward(
          x: input.span,
          gainAndBias: parameters.span.extracting(range),
          moments: moments.span,
          dy: dy.span,
          dx: &$0,
          dgainAndBias: &dgainAndBias
        )
      }
    }
    swap(&dx, &gradients[x.index])
  }

  private mutating func backwardAttention(
    _ node: Node,
    _ query: Node,
    _ key: Node,
    _ value: Node,
    _ lengths: [Int32],
    _ heads: Int,
    _ dy: [Float]
  ) {
    // Out of the tape and apart, since all three are written at once.
    precondition(query != key && key != value && query != value)
    var (dquery, dkey, dvalue) = ([Float](), [Float](), [Float]())
    swap(&dquery, &gradients[query.index])
    swap(&dkey, &gradients[key.index])
    swap(&dvalue, &gradients[value.index])
    let (q, k, v) = (values[query.index], values[key.index], values[value.index])
    let weights = saved[node.index]
    do {
      var dq = dquery.mutableSpan
      var dk = dkey.mutableSpan
      var dv = dvalue.mutableSpan
      var (start, used) = (0, 0)
      for length in lengths where length > 0 {
        let form = CausalAttention.Form(rows: Int(length), width: query.width, heads: heads)
        let part = elements(of: start..<(start + form.rows), width: query.width)
        scratch.resize(to: form.rows * form.rows)
        var dqPart = dq._mutatingExtracting(part)
        var dkPart = dk._mutatingExtracting(part)
        var dvPart = dv._mutatingExtracting(part)
        scratch.edit {
          CausalAttention.backward(
            form,
            query: q.span.extracting(part),
            key: k.span.extracting(part),
            value: v.span.extracting(part),
            weights: weights.span.extracting(used..<(used + form.weights)),
            doutput: dy.span.extracting(part),
            scratch: &$0,
            dquery: &dqPart,
            dkey: &dkPart,
            dvalue: &dvPart
          )
        }
        (start, used) = (start + form.rows, used + form.weights)
      }
    }
    swap(&dquery, &gradients[query.index])
    swap(&dkey, &gradients[key.index])
    swap(&dvalue, &gradients[value.index])
  }
}
