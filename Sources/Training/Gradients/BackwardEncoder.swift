internal import Kernels
internal import Network

/// The encoder for the sessions of a batch that need it, and its gradient.
///
/// The forward computation is that of ``SequenceEncoder``. Examples that go without their
/// condition, and those without clicks, are not encoded. Dropout falls where the published code has
/// it: on the embedded clicks, on the attention's weights and on what the feed-forward adds.
struct EncoderPass {
  /// The examples that are encoded, one for each session of `clicks`.
  private(set) var examples: [Int] = []
  private var items: [Int32] = []
  private var positions: [Int32] = []
  private var clicks = Clicks()
  private var clickMask: [Float] = []

  private var norm1 = NormInput()
  private var normed: [Float] = []
  private var attention = AttentionPass()
  private var norm2 = NormInput()
  private var middle: [Float] = []
  private var inner: [Float] = []
  private var outerMask: [Float] = []
  private var feedForwardNorm = NormInput()
  private var norm3 = NormInput()
  /// h of the encoded examples, (sessions, d).
  private(set) var h: [Float] = []

  private var dclicks: [Float] = []
  /// Gradients by the stream between two layers, and by a branch beside it.
  private var dstream: [Float] = []
  private var dbefore: [Float] = []
  private var dbranch: [Float] = []

  mutating func forward(_ weights: Weights, _ batch: TrainingBatch) {
    var dropout = batch.dropoutSeed.map { Dropout(seed: $0, probability: batch.dropout) }
    choose(weights.shape, batch)
    h.resize(to: examples.count * weights.shape.width)
    if examples.isEmpty { return }
    embed(weights, &dropout)
    norm1.forward(.norm1, weights, into: &normed)
    attention.forward(
      weights,
      normed: normed,
      clicks: clicks,
      dropout: &dropout,
      into: &norm2.x
    )
    norm2.forward(.norm2, weights, into: &middle)
    weights.apply(.feedForward1, to: middle, into: &inner)
    inner.edit { Relu.forward(&$0) }
    weights.apply(.feedForward2, to: inner, into: &feedForwardNorm.x)
    outerMask.removeAll(keepingCapacity: true)
    dropout?.draw(middle.count, into: &outerMask)
    feedForwardNorm.x.multiply(by: outerMask)
    feedForwardNorm.x.add(middle)
    feedForwardNorm.forward(.feedForwardNorm, weights, into: &norm3.x)
    norm3.forward(.norm3, weights, into: &h)
  }

  /// Lists what must be encoded.
  private mutating func choose(_ shape: Shape, _ batch: TrainingBatch) {
    examples.removeAll(keepingCapacity: true)
    items.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    clicks.starts.removeAll(keepingCapacity: true)
    clicks.starts.append(0)
    for example in 0..<batch.count
    where batch.keepsCondition[example] && batch.lengths[example] > 0 {
      examples.append(example)
      for position in 0..<Int(batch.lengths[example]) {
        items.append(batch.histories[example * shape.length + position])
        positions.append(Int32(position))
      }
      clicks.starts.append(items.count)
    }
  }

  /// Item plus position for every click, and a copy of the last ones.
  private mutating func embed(_ weights: Weights, _ dropout: inout Dropout?) {
    let d = weights.shape.width
    clicks.vectors.resize(to: items.count * d)
    clicks.vectors.edit { [items, positions] vectors in
      let table = weights.values.span.extracting(weights.range(.items))
      let places = weights.values.span.extracting(weights.range(.positions))
      for click in items.indices {
        var vector = vectors._mutatingExtracting(elements(of: click, width: d))
        Lanes.add(
          table.extracting(elements(of: Int(items[click]), width: d)),
          places.extracting(elements(of: Int(positions[click]), width: d)),
          into: &vector
        )
      }
    }
    clickMask.removeAll(keepingCapacity: true)
    dropout?.draw(clicks.vectors.count, into: &clickMask)
    clicks.vectors.multiply(by: clickMask)
    norm1.x.removeAll(keepingCapacity: true)
    for end in clicks.starts.dropFirst() {
      norm1.x.append(contentsOf: clicks.vectors[((end - 1) * d)..<(end * d)])
    }
  }

  /// Adds to `gradient` what the gradient `dh` by ``h`` asks of every tensor of the encoder.
  mutating func backward(_ weights: Weights, dh: [Float], gradient: inout Weights) {
    if examples.isEmpty { return }
    let d = weights.shape.width
    norm3.backward(.norm3, weights, dy: dh, dx: &dbefore, gradient: &gradient)
    feedForwardNorm.backward(
      .feedForwardNorm,
      weights,
      dy: dbefore,
      dx: &dstream,
      gradient: &gradient
    )
    dbranch.copy(dstream)
    dbranch.multiply(by: outerMask)
    weights.backward(.feedForward2, x: inner, dy: dbranch, dx: &dbefore, gradient: &gradient)
    dbefore.edit { [inner] in Relu.backward(y: inner.span, dy: &$0) }
    weights.backward(.feedForward1, x: middle, dy: dbefore, dx: &dbranch, gradient: &gradient)
    dstream.add(dbranch)
    norm2.backward(.norm2, weights, dy: dstream, dx: &dbefore, gradient: &gradient)
    attention.backward(
      weights,
      normed: normed,
      clicks: clicks,
      dsum: &dbefore,
      dclicks: &dclicks,
      gradient: &gradient
    )
    norm1.backward(.norm1, weights, dy: dbefore, dx: &dstream, gradient: &gradient)

    for (session, end) in clicks.starts.dropFirst().enumerated() {
      dclicks.edit(((end - 1) * d)..<(end * d)) { [dstream] in
        Lanes.add(dstream.span.extracting(elements(of: session, width: d)), to: &$0)
      }
    }
    dclicks.multiply(by: clickMask)
    gradient.addRows(dclicks, to: .items, at: items)
    gradient.addRows(dclicks, to: .positions, at: positions)
  }
}
