internal import Kernels
internal import Network

/// The clicks that are encoded, one session after the other.
struct Clicks {
  /// Where each session begins, and where the last one ends; (sessions + 1).
  var starts: [Int] = [0]
  /// The clicks' vectors, (clicks, d).
  var vectors: [Float] = []

  var sessions: Int { starts.count - 1 }
}

/// The last clicks' attention over their sessions, and its gradient.
///
/// u = Wₖᵀ(W_q·q̂ + b_q) asks the clicks, and W_v·(Σ aⱼxⱼ) + b_v·Σ aⱼ is added to q̂. The sum of
/// the weights is 1, unless dropout fell on them; the key's bias has no effect, and gets no
/// gradient.
struct AttentionPass {
  private var query: [Float] = []
  /// u, (sessions, d).
  private var asked: [Float] = []
  /// Weights before dropout, its multipliers, and weights after it: (clicks).
  private var softmax: [Float] = []
  private var mask: [Float] = []
  private var attention: [Float] = []
  /// Σ aⱼ, (sessions).
  private var sums: [Float] = []
  /// Σ aⱼxⱼ, (sessions, d).
  private var context: [Float] = []

  private var dcontext: [Float] = []
  private var dscores: [Float] = []
  private var dasked: [Float] = []
  private var dquery: [Float] = []
  private var dnormed: [Float] = []

  /// Writes q̂ and what it attends to, (sessions, d), to `sum`.
  mutating func forward(
    _ weights: Weights,
    normed: [Float],
    clicks: Clicks,
    dropout: inout Dropout?,
    into sum: inout [Float]
  ) {
    let (d, count, starts) = (weights.shape.width, clicks.sessions, clicks.starts)
    weights.apply(.query, to: normed, into: &query)
    product(query, weights, .keyWeight, transposed: false, into: &asked)
    softmax.resize(to: clicks.vectors.count / d)
    softmax.edit { [asked] softmax in
      for session in 0..<count {
        let range = starts[session]..<starts[session + 1]
        var part = softmax._mutatingExtracting(range)
        Attention.score(
          query: asked.span.extracting(elements(of: session, width: d)),
          rows: clicks.vectors.span.extracting(elements(of: range, width: d)),
          scale: 1 / Float(d).squareRoot(),
          into: &part
        )
      }
    }
    mask.removeAll(keepingCapacity: true)
    dropout?.draw(softmax.count, into: &mask)
    attention.copy(softmax)
    attention.multiply(by: mask)

    context.resize(to: count * d)
    context.edit { [attention] context in
      for session in 0..<count {
        let range = starts[session]..<starts[session + 1]
        var part = context._mutatingExtracting((session * d)..<(session * d + d))
        Attention.sum(
          rows: clicks.vectors.span.extracting(elements(of: range, width: d)),
          weights: attention.span.extracting(range),
          into: &part
        )
      }
    }
    product(context, weights, .valueWeight, transposed: true, into: &sum)
    sum.add(normed)
    sums.resize(to: count)
    let bias = weights.range(.valueBias)
    for session in 0..<count {
      sums[session] = Lanes.sum(attention.span.extracting(starts[session]..<starts[session + 1]))
      sum.edit((session * d)..<(session * d + d)) {
        Lanes.add(weights.values.span.extracting(bias), times: sums[session], to: &$0)
      }
    }
  }

  /// Turns the gradient `dsum` by what ``forward`` wrote into that by q̂, and writes that by the
  /// clicks to `dclicks`.
  mutating func backward(
    _ weights: Weights,
    normed: [Float],
    clicks: Clicks,
    dsum: inout [Float],
    dclicks: inout [Float],
    gradient: inout Weights
  ) {
    let (d, starts) = (weights.shape.width, clicks.starts)
    let scale = 1 / Float(d).squareRoot()
    product(dsum, weights, .valueWeight, transposed: false, into: &dcontext)
    accumulate(&gradient, .valueWeight, dsum, context)
    dscores.resize(to: attention.count)
    dasked.clear(asked.count)
    dclicks.clear(clicks.vectors.count)
    let bias = weights.range(.valueBias)
    let dcontextRows = dcontext
    for session in 0..<clicks.sessions {
      let range = starts[session]..<starts[session + 1]
      let dsumRow = dsum.span.extracting(elements(of: session, width: d))
      gradient.values.edit(bias) { Lanes.add(dsumRow, times: sums[session], to: &$0) }
      let shared = Lanes.dot(dsumRow, weights.values.span.extracting(bias))
      for j in range {
        let dcontext = dcontextRows.span.extracting(elements(of: session, width: d))
        dscores[j] =
          Lanes.dot(dcontext, clicks.vectors.span.extracting(elements(of: j, width: d))) + shared
        if !mask.isEmpty { dscores[j] *= mask[j] }
        dclicks.edit((j * d)..<(j * d + d)) { Lanes.add(dcontext, times: attention[j], to: &$0) }
      }
      dscores.edit(range) { [softmax] in
        Softmax.backward(weights: softmax.span.extracting(range), gradient: &$0)
      }
      dasked.edit((session * d)..<(session * d + d)) { [asked, dscores] dquery in
        dclicks.edit((range.lowerBound * d)..<(range.upperBound * d)) {
          Attention.backward(
            query: asked.span.extracting(elements(of: session, width: d)),
            rows: clicks.vectors.span.extracting(elements(of: range, width: d)),
            scale: scale,
            dscores: dscores.span.extracting(range),
            dquery: &dquery,
            drows: &$0
          )
        }
      }
    }
    product(dasked, weights, .keyWeight, transposed: true, into: &dquery)
    accumulate(&gradient, .keyWeight, query, dasked)
    weights.backward(.query, x: normed, dy: dquery, dx: &dnormed, gradient: &gradient)
    dsum.add(dnormed)
  }

  /// Writes rows · W, or rows · Wᵀ, for a square matrix.
  private func product(
    _ rows: [Float],
    _ weights: Weights,
    _ tensor: Tensor,
    transposed: Bool,
    into output: inout [Float]
  ) {
    let d = weights.shape.width
    output.resize(to: rows.count)
    let matrix = weights.values.span.extracting(weights.range(tensor))
    output.edit {
      Gemm.multiply(
        rows.span,
        transposed: false,
        matrix,
        transposed: transposed,
        into: &$0,
        m: rows.count / d,
        n: d,
        k: d
      )
    }
  }

  /// Adds leftᵀ · right to the gradient of a square matrix.
  private func accumulate(
    _ gradient: inout Weights,
    _ tensor: Tensor,
    _ left: [Float],
    _ right: [Float]
  ) {
    let d = gradient.shape.width
    gradient.values.edit(gradient.range(tensor)) {
      Gemm.multiply(
        left.span,
        transposed: true,
        right.span,
        transposed: false,
        into: &$0,
        m: d,
        n: d,
        k: left.count / d,
        beta: 1
      )
    }
  }
}
