internal import Kernels

/// The encoder of any number of blocks and heads: every click's row goes through every block, and
/// the last row is h.
///
/// A block is DreamRec's: the normalised row asks, and is added to, what it attends to; then the
/// feed-forward. Row i attends to rows 0 ... i.
struct DeepEncoder: Sendable {
  private struct Block: Sendable {
    let query: PackedMatrix
    let key: PackedMatrix
    let value: PackedMatrix
    let feedForward1: PackedMatrix
    let feedForward2: PackedMatrix

    init(_ weights: Weights, _ block: Int) {
      let d = weights.shape.width
      query = weights.packed(.query, block: block, inputs: d)
      key = weights.packed(.key, block: block, inputs: d)
      value = weights.packed(.value, block: block, inputs: d)
      feedForward1 = weights.packed(.feedForward1, block: block, inputs: d)
      feedForward2 = weights.packed(.feedForward2, block: block, inputs: d)
    }
  }

  private let weights: Weights
  private let blocks: [Block]
  /// The rows between blocks, and four more of what a block needs: (Σ lengths, d) each.
  private var rows: [Float] = []
  private var query: [Float] = []
  private var key: [Float] = []
  private var value: [Float] = []
  private var stream: [Float] = []
  private var scores: [Float] = []

  init(_ weights: Weights) {
    self.weights = weights
    blocks = (0..<weights.shape.blocks).map { Block(weights, $0) }
    scores = [Float](repeating: 0, count: weights.shape.length)
  }

  mutating func encode(
    items: Span<Int32>,
    lengths: Span<Int32>,
    into h: inout MutableSpan<Float>
  ) {
    let d = weights.shape.width
    embed(items, lengths)
    for block in blocks.indices { run(block, lengths) }
    let (gainAndBias, bias) = (weights.range(.norm3), weights.range(.norm3Bias).lowerBound)
    var end = 0
    for session in lengths.indices {
      end += Int(lengths[session])
      for i in 0..<d {
        h[session * d + i] =
          lengths[session] == 0 ? weights.values[bias + i] : rows[(end - 1) * d + i]
      }
      if lengths[session] == 0 { continue }
      var row = h._mutatingExtracting(elements(of: session, width: d))
      LayerNorm.forward(&row, gainAndBias: weights.values.span.extracting(gainAndBias))
    }
  }

  private mutating func embed(_ items: Span<Int32>, _ lengths: Span<Int32>) {
    let (d, shape) = (weights.shape.width, weights.shape)
    let (table, positions) = (weights.range(.items), weights.range(.positions))
    rows.resize(to: items.count * d)
    rows.edit { [weights] rows in
      var click = 0
      for session in lengths.indices {
        precondition(0...shape.length ~= Int(lengths[session]))
        for position in 0..<Int(lengths[session]) {
          let item = Int(items[click])
          precondition(0..<shape.items ~= item)
          var row = rows._mutatingExtracting(elements(of: click, width: d))
          Lanes.add(
            weights.values.span.extracting(table).extracting(elements(of: item, width: d)),
            weights.values.span.extracting(positions).extracting(elements(of: position, width: d)),
            into: &row
          )
          click += 1
        }
      }
      precondition(click == items.count)
    }
  }

  /// Takes all rows through a block.
  private mutating func run(_ index: Int, _ lengths: Span<Int32>) {
    let block = blocks[index]
    stream = rows
    normalise(.norm1, index)
    weights.apply(block.query, .query, index, from: stream, to: &query)
    weights.apply(block.key, .key, index, from: rows, to: &key)
    weights.apply(block.value, .value, index, from: rows, to: &value)
    attend(lengths)
    normalise(.norm2, index)
    weights.apply(block.feedForward1, .feedForward1, index, from: stream, to: &rows)
    rows.edit { Relu.forward(&$0) }
    weights.apply(block.feedForward2, .feedForward2, index, from: rows, to: &query)
    stream.edit { [query] in Lanes.add(query.span, to: &$0) }
    normalise(.feedForwardNorm, index)
    swap(&rows, &stream)
  }

  /// Adds to each row of the stream what it attends to.
  private mutating func attend(_ lengths: Span<Int32>) {
    let (d, heads) = (weights.shape.width, weights.shape.heads)
    let width = d / heads
    let scale = 1 / Float(width).squareRoot()
    var start = 0
    for session in lengths.indices {
      let length = Int(lengths[session])
      for row in 0..<length {
        for head in 0..<heads {
          func part(_ row: Int) -> Range<Int> {
            let from = (start + row) * d + head * width
            return from..<(from + width)
          }
          scores.resize(to: row + 1)
          for other in 0...row {
            scores[other] =
              scale * Lanes.dot(query.span.extracting(part(row)), key.span.extracting(part(other)))
          }
          scores.edit { Softmax.forward(&$0) }
          stream.edit(part(row)) { [value, scores] in
            for other in 0...row {
              Lanes.add(value.span.extracting(part(other)), times: scores[other], to: &$0)
            }
          }
        }
      }
      start += length
    }
  }

  private mutating func normalise(_ layer: Layer, _ block: Int) {
    stream.edit { [weights] in
      let gainAndBias = weights.values.span.extracting(weights.range(layer, block: block))
      LayerNorm.forward(&$0, gainAndBias: gainAndBias)
    }
  }
}

extension Weights {
  /// Writes a layer's output for rows x, given its packed weight.
  fileprivate func apply(
    _ matrix: PackedMatrix,
    _ layer: Layer,
    _ block: Int,
    from x: [Float],
    to y: inout [Float]
  ) {
    let bias = range(BlockTensor(tensor: layer.tensors.1, block: block))
    y.resize(to: x.count / matrix.inputs * matrix.outputs)
    y.edit { Gemm.rows(x.span, matrix, bias: values.span.extracting(bias), into: &$0) }
  }
}
