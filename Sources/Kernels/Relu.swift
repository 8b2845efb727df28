/// The rectifier max(x, 0), and its gradient.
package enum Relu {
  /// Replaces every number by max(x, 0).
  package static func forward(_ x: inout MutableSpan<Float>) {
    for i in x.indices { x[i] = x[i] > 0 ? x[i] : 0 }
  }

  /// Zeroes `dy` wherever the output `y` was cut off.
  package static func backward(y: Span<Float>, dy: inout MutableSpan<Float>) {
    precondition(y.count == dy.count)
    for i in dy.indices { dy[i] = y[i] > 0 ? dy[i] : 0 }
  }
}
