internal import Kernels

/// DreamRec's encoder, one block with one head, for its last row alone.
///
/// Of the block's L output rows only the last is used, so only the last position asks a query. Its
/// scores need WₖᵀW_q, which is one matrix; its value is projected after the weighted sum. What is
/// left is four d × d products a session, equal to the published computation but for rounding.
/// (The key's bias drops out: it adds the same to every score.)
///
/// A session's h has the same bits alone and in a batch of any size. Scratch is kept; memory is
/// allocated only for a batch larger than any before.
struct ShallowEncoder: Sendable {
  let shape: Shape
  /// Shared with whoever else reads these weights; the item table is not copied.
  private let weights: Weights
  /// WₖᵀW_q, and Wₖᵀb_q.
  private let score: PackedMatrix
  private let scoreBias: [Float]
  private let value: PackedMatrix
  private let feedForward1: PackedMatrix
  private let feedForward2: PackedMatrix

  /// The embedded clicks of all sessions, (Σ lengths, d).
  private var clicks: [Float] = []
  /// The residual stream, (sessions, d).
  private var stream: [Float] = []
  /// What a layer adds to it, (sessions, d), and what its first half gives.
  private var inner: [Float] = []
  private var hidden: [Float] = []
  private var attention: [Float] = []

  init(_ weights: Weights) {
    let d = weights.shape.width
    shape = weights.shape
    self.weights = weights
    let (merged, bias) = Self.mergedScore(weights)
    score = PackedMatrix(outputsByInputs: merged.span, outputs: d, inputs: d)
    scoreBias = bias
    value = weights.packed(.value, inputs: d)
    feedForward1 = weights.packed(.feedForward1, inputs: d)
    feedForward2 = weights.packed(.feedForward2, inputs: d)
    attention = [Float](repeating: 0, count: shape.length)
  }

  mutating func encode(
    items: Span<Int32>,
    lengths: Span<Int32>,
    into h: inout MutableSpan<Float>
  ) {
    let (d, sessions) = (shape.width, lengths.count)
    precondition(h.count == sessions * d)
    if sessions == 0 { return }
    embed(items, lengths)
    startStream(lengths)
    inner.resize(to: sessions * d)
    hidden.resize(to: sessions * d)

    inner.edit { [stream, score, scoreBias] in
      Gemm.rows(stream.span, score, bias: scoreBias.span, into: &$0)
    }
    attend(lengths)
    feedForward()
    let emptyBias = weights.range(.norm3Bias).lowerBound
    for session in 0..<sessions {
      let isEmpty = lengths[session] == 0
      for i in 0..<d {
        h[session * d + i] = isEmpty ? weights.values[emptyBias + i] : stream[session * d + i]
      }
    }
  }

  /// Item plus position, for every click.
  private mutating func embed(_ items: Span<Int32>, _ lengths: Span<Int32>) {
    let d = shape.width
    clicks.resize(to: items.count * d)
    clicks.edit { [weights, shape] clicks in
      let table = weights.values.span.extracting(weights.range(.items))
      let positions = weights.values.span.extracting(weights.range(.positions))
      var click = 0
      for session in lengths.indices {
        let length = Int(lengths[session])
        precondition(0 <= length && length <= shape.length && click + length <= items.count)
        for position in 0..<length {
          let item = Int(items[click])
          precondition(0 <= item && item < shape.items)
          var vector = clicks._mutatingExtracting(elements(of: click, width: d))
          Lanes.add(
            table.extracting(elements(of: item, width: d)),
            positions.extracting(elements(of: position, width: d)),
            into: &vector
          )
          click += 1
        }
      }
      precondition(click == items.count)
    }
  }

  /// The stream begins as the normalised last click; with zeros where there is none.
  private mutating func startStream(_ lengths: Span<Int32>) {
    let d = shape.width
    stream.resize(to: lengths.count * d)
    var end = 0
    for session in lengths.indices {
      end += Int(lengths[session])
      for i in 0..<d {
        stream[session * d + i] = lengths[session] == 0 ? 0 : clicks[(end - 1) * d + i]
      }
    }
    normalise(.norm1)
  }

  /// Adds what each session's last click attends to, asked by `inner`, to the stream.
  private mutating func attend(_ lengths: Span<Int32>) {
    let d = shape.width
    let scale = 1 / Float(d).squareRoot()
    attention.resize(to: clicks.count / d)
    attention.edit { [inner, clicks] attention in
      var start = 0
      for session in lengths.indices {
        let end = start + Int(lengths[session])
        var weights = attention._mutatingExtracting(start..<end)
        Attention.score(
          query: inner.span.extracting((session * d)..<(session * d + d)),
          rows: clicks.span.extracting((start * d)..<(end * d)),
          scale: scale,
          into: &weights
        )
        start = end
      }
    }
    hidden.edit { [attention, clicks] hidden in
      var start = 0
      for session in lengths.indices {
        let end = start + Int(lengths[session])
        var context = hidden._mutatingExtracting((session * d)..<(session * d + d))
        Attention.sum(
          rows: clicks.span.extracting((start * d)..<(end * d)),
          weights: attention.span.extracting(start..<end),
          into: &context
        )
        start = end
      }
    }
    stream.edit { [hidden, value, weights] in
      let bias = weights.values.span.extracting(weights.range(.valueBias))
      Gemm.rows(hidden.span, value, bias: bias, into: &$0, adding: true)
    }
  }

  /// Takes the stream through the rest of the block.
  private mutating func feedForward() {
    normalise(.norm2)
    inner.edit { [stream, feedForward1, weights] in
      let bias = weights.values.span.extracting(weights.range(.feedForward1Bias))
      Gemm.rows(stream.span, feedForward1, bias: bias, into: &$0)
      Relu.forward(&$0)
    }
    stream.edit { [inner, feedForward2, weights] in
      let bias = weights.values.span.extracting(weights.range(.feedForward2Bias))
      Gemm.rows(inner.span, feedForward2, bias: bias, into: &$0, adding: true)
    }
    normalise(.feedForwardNorm)
    normalise(.norm3)
  }

  private mutating func normalise(_ layer: Layer) {
    stream.edit { [weights] in
      let gainAndBias = weights.values.span.extracting(weights.range(layer))
      LayerNorm.forward(&$0, gainAndBias: gainAndBias)
    }
  }

  /// WₖᵀW_q and Wₖᵀb_q, in double precision.
  private static func mergedScore(_ weights: Weights) -> (matrix: [Float], bias: [Float]) {
    let d = weights.shape.width
    let (query, queryBias) = (weights[.queryWeight], weights[.queryBias])
    let key = weights[.keyWeight].map(Double.init)
    var (matrix, bias) = ([Double](repeating: 0, count: d * d), [Double](repeating: 0, count: d))
    for o in 0..<d {
      for i in 0..<d {
        let weight = key[o * d + i]
        bias[i] += weight * Double(queryBias[o])
        for j in 0..<d { matrix[i * d + j] += weight * Double(query[o * d + j]) }
      }
    }
    return (matrix.map(Float.init), bias.map(Float.init))
  }
}
