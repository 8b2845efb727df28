import Network

/// How far two tensors are apart: the largest difference.
func distance(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { worst, pair in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(worst, difference)
  }
}

func largest(_ a: [Float]) -> Float { a.reduce(0) { max($0, abs($1)) } }

extension Fixture {
  /// The model under `prefix`, its shape read from its tensors.
  func weights(_ prefix: String = "weights.") throws -> Weights {
    let table = try shape(prefix + Tensor.items.rawValue)
    let shape = Shape(
      items: table[0] - 1,
      length: try shape(prefix + Tensor.positions.rawValue)[0],
      width: table[1],
      denoiser: names.contains(prefix + Tensor.denoiser2Weight.rawValue) ? .mlp : .linear
    )
    var weights = Weights(shape: shape)
    for tensor in weights.tensors { weights[tensor] = try floats(prefix + tensor.rawValue) }
    return weights
  }

  /// Histories without their padding, one after the other, and their lengths.
  ///
  /// The published code knows no empty history but as one pad.
  func histories(_ prefix: String, padding: Int) throws -> (items: [Int32], lengths: [Int32]) {
    let rows = try ints(prefix + "sequences")
    let width = try shape(prefix + "sequences")[1]
    let lengths = try ints(prefix + "lengths")
    let kept = lengths.indices.map { row in
      rows[(row * width)..<(row * width + lengths[row])].filter { $0 != padding }.map(Int32.init)
    }
    return (kept.flatMap(\.self), kept.map { Int32($0.count) })
  }
}
