/// One update of AdamW over a whole block of parameters (Loshchilov and Hutter 2019).
package enum Adam {
  /// What is the same for all parameters of an update.
  package struct Update: Sendable {
    /// What share of each running mean is new: 1 − β₁ and 1 − β₂.
    package var newFirst: Float
    package var newSecond: Float
    /// What the parameters are multiplied by first: 1 − rate · weight decay.
    package var shrink: Float
    /// rate / (1 − β₁ᵏ) at update k.
    package var stride: Float
    /// 1 / √(1 − β₂ᵏ).
    package var rootScale: Float
    package var epsilon: Float

    package init(
      newFirst: Float,
      newSecond: Float,
      shrink: Float,
      stride: Float,
      rootScale: Float,
      epsilon: Float
    ) {
      self.newFirst = newFirst
      self.newSecond = newSecond
      self.shrink = shrink
      self.stride = stride
      self.rootScale = rootScale
      self.epsilon = epsilon
    }
  }

  /// Moves `parameters` against the running mean of their gradients, over the root of the mean of
  /// their squares; all of the same size.
  package static func update(
    _ parameters: inout MutableSpan<Float>,
    first: inout MutableSpan<Float>,
    second: inout MutableSpan<Float>,
    gradient: Span<Float>,
    by update: Update
  ) {
    let count = gradient.count
    precondition(parameters.count == count && first.count == count && second.count == count)
    var i = 0
    while i + Lanes.count <= count {
      var (p, m, v) = (parameters.lanes(i), first.lanes(i), second.lanes(i))
      move(&p, &m, &v, gradient.lanes(i), by: update)
      parameters.setLanes(i, p)
      first.setLanes(i, m)
      second.setLanes(i, v)
      i += Lanes.count
    }
    if i < count {
      var p = parameters.span.lastLanes(i)
      var (m, v) = (first.span.lastLanes(i), second.span.lastLanes(i))
      move(&p, &m, &v, gradient.lastLanes(i), by: update)
      parameters.setLastLanes(i, p)
      first.setLastLanes(i, m)
      second.setLastLanes(i, v)
    }
  }

  @inline(__always)
  private static func move(
    _ p: inout Lanes.Vector,
    _ m: inout Lanes.Vector,
    _ v: inout Lanes.Vector,
    _ g: Lanes.Vector,
    by update: Update
  ) {
    m = m + update.newFirst * (g - m)
    v = v + update.newSecond * (g * g - v)
    p = update.shrink * p - update.stride * m / (v.root * update.rootScale + update.epsilon)
  }
}
