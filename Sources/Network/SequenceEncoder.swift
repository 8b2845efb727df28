/// Turns a session's last clicks into its condition h.
///
/// A session's h has the same bits alone and in a batch of any size. Scratch is kept; memory is
/// allocated only for a batch larger than any before.
package struct SequenceEncoder: Sendable {
  package let shape: Shape
  /// One of the two.
  private var shallow: ShallowEncoder?
  private var deep: DeepEncoder?

  package init(_ weights: Weights) {
    shape = weights.shape
    if shape.blocks == 1 && shape.heads == 1 {
      shallow = ShallowEncoder(weights)
    } else {
      deep = DeepEncoder(weights)
    }
  }

  /// Writes each session's h.
  ///
  /// - Parameters:
  ///   - items: All sessions' clicks, one session after the other, oldest first: indices below N.
  ///   - lengths: Clicks of each session, 0 to L. (sessions)
  ///   - h: (sessions, d). A session without clicks gets the bias of the last norm, as the
  ///     published code gives it.
  package mutating func encode(
    items: Span<Int32>,
    lengths: Span<Int32>,
    into h: inout MutableSpan<Float>
  ) {
    precondition(h.count == lengths.count * shape.width)
    shallow?.encode(items: items, lengths: lengths, into: &h)
    deep?.encode(items: items, lengths: lengths, into: &h)
  }
}
