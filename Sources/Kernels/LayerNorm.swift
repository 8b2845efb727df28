/// Layer normalisation of rows, and its gradient.
///
/// Forward, per row: `y = (x − mean) · rstd · gain + bias`, `rstd = 1 / √(variance + ε)`. The
/// learned gain and bias come as one span, (2, width), as they lie in a model's weights.
package enum LayerNorm {
  /// Added to the variance before the square root.
  package static let epsilon: Float = 1e-5

  /// Writes `y`, and keeps each row's mean and rstd for the backward pass.
  ///
  /// - Parameters:
  ///   - x: The input, (rows, width).
  ///   - gainAndBias: The learned scale and then the learned shift, (2, width).
  ///   - y: The output, (rows, width).
  ///   - moments: Each row's mean and rstd, (rows, 2).
  package static func forward(
    _ x: Span<Float>,
    gainAndBias: Span<Float>,
    into y: inout MutableSpan<Float>,
    moments: inout MutableSpan<Float>,
  ) {
    let width = gainAndBias.count / 2
    precondition(width > 0 && gainAndBias.count == 2 * width && x.count == y.count)
    let rows = x.count / width
    precondition(x.count == rows * width && moments.count == 2 * rows)
    for row in 0..<rows {
      let base = row * width
      let (mean, rstd) = statistics(of: x.extracting(base..<(base + width)))
      moments[2 * row] = mean
      moments[2 * row + 1] = rstd
      for i in 0..<width {
        y[base + i] = (x[base + i] - mean) * rstd * gainAndBias[i] + gainAndBias[width + i]
      }
    }
  }

  /// Normalises rows where they lie.
  package static func forward(_ x: inout MutableSpan<Float>, gainAndBias: Span<Float>) {
    let width = gainAndBias.count / 2
    precondition(width > 0 && gainAndBias.count == 2 * width && x.count % width == 0)
    for base in stride(from: 0, to: x.count, by: width) {
      let (mean, rstd) = statistics(of: x.span.extracting(base..<(base + width)))
      for i in 0..<width {
        x[base + i] = (x[base + i] - mean) * rstd * gainAndBias[i] + gainAndBias[width + i]
      }
    }
  }

  /// Adds to `dx` and to the gradient of the gain and bias what `dy` asks of them.
  package static func backward(
    x: Span<Float>,
    gainAndBias: Span<Float>,
    moments: Span<Float>,
    dy: Span<Float>,
    dx: inout MutableSpan<Float>,
    dgainAndBias: inout MutableSpan<Float>,
  ) {
    let width = gainAndBias.count / 2
    let rows = moments.count / 2
    precondition(gainAndBias.count == 2 * width && dgainAndBias.count == 2 * width)
    precondition(x.count == rows * width && dy.count == x.count && dx.count == x.count)
    for row in 0..<rows {
      let base = row * width
      let (mean, rstd) = (moments[2 * row], moments[2 * row + 1])
      // Two sums, then one sweep that uses them: dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)).
      let range = base..<(base + width)
      let (sum, sumHat) = sums(
        x.extracting(range),
        gain: gainAndBias,
        dy: dy.extracting(range),
        mean: mean,
        rstd: rstd
      )
      let meanG = sum / Float(width)
      let meanHat = sumHat / Float(width)
      for i in 0..<width {
        let hat = (x[base + i] - mean) * rstd
        let g = gainAndBias[i] * dy[base + i]
        dgainAndBias[i] += hat * dy[base + i]
        dgainAndBias[width + i] += dy[base + i]
        dx[base + i] += (g - meanG - hat * meanHat) * rstd
      }
    }
  }

  private static func statistics(of x: Span<Float>) -> (mean: Float, rstd: Float) {
    let width = Float(x.count)
    let mean = Lanes.sum(x) / width
    var lanes = Lanes.Vector.zero
    var i = 0
    while i + Lanes.count <= x.count {
      let d = x.lanes(i) - mean
      lanes += d * d
      i += Lanes.count
    }
    var squares = Lanes.total(lanes)
    while i < x.count {
      squares += (x[i] - mean) * (x[i] - mean)
      i += 1
    }
    return (mean, 1 / (squares / width + epsilon).squareRoot())
  }

  /// Σ g and Σ g·x̂ of one row, where g = gain · dy.
  private static func sums(
    _ x: Span<Float>,
    gain: Span<Float>,
    dy: Span<Float>,
    mean: Float,
    rstd: Float
  ) -> (Float, Float) {
    var (lanes, lanesHat) = (Lanes.Vector.zero, Lanes.Vector.zero)
    var i = 0
    while i + Lanes.count <= x.count {
      let g = gain.lanes(i) * dy.lanes(i)
      lanes += g
      lanesHat += g * ((x.lanes(i) - mean) * rstd)
      i += Lanes.count
    }
    var (sum, sumHat) = (Lanes.total(lanes), Lanes.total(lanesHat))
    while i < x.count {
      let g = gain[i] * dy[i]
      sum += g
      sumHat += g * ((x[i] - mean) * rstd)
      i += 1
    }
    return (sum, sumHat)
  }
}
