/// Rows brought to one length, and the gradient: y = length · x / ‖x‖.
package enum Sphere {
  /// Below this a row's length counts as this, so that a row of zeros stays one.
  private static let least: Float = 1e-12

  /// Writes `y`, and the factor of each row, (rows), which the gradient needs.
  package static func forward(
    _ x: Span<Float>,
    width: Int,
    length: Float,
    into y: inout MutableSpan<Float>,
    factors: inout MutableSpan<Float>,
  ) {
    precondition(x.count == factors.count * width && y.count == x.count)
    for row in factors.indices {
      let range = elements(of: row, width: width)
      let input = x.extracting(range)
      let factor = length / max(least, Lanes.dot(input, input).squareRoot())
      factors[row] = factor
      for i in range { y[i] = factor * x[i] }
    }
  }

  /// Brings rows to a length where they lie.
  package static func forward(_ x: inout MutableSpan<Float>, width: Int, length: Float) {
    for row in 0..<(x.count / width) {
      var part = x._mutatingExtracting(elements(of: row, width: width))
      let norm = Lanes.dot(part.span, part.span).squareRoot()
      Lanes.scale(&part, by: length / max(least, norm))
    }
  }

  /// Adds to `dx` what `dy` asks of it: the part of `dy` along the sphere, times the factor.
  package static func backward(
    y: Span<Float>,
    width: Int,
    length: Float,
    factors: Span<Float>,
    dy: Span<Float>,
    dx: inout MutableSpan<Float>,
  ) {
    precondition(y.count == factors.count * width && dx.count == y.count && dy.count == y.count)
    for row in factors.indices {
      let range = elements(of: row, width: width)
      let along =
        Lanes.dot(y.extracting(range), dy.extracting(range)) / (length * length)
      for i in range { dx[i] += factors[row] * (dy[i] - along * y[i]) }
    }
  }
}
