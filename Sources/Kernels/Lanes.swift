/// Sixteen numbers at a time: whole loads and stores, and sums in an order that is always the same.
package enum Lanes {
  typealias Vector = SIMD16<Float>
  static let count = 16

  /// The inner product of two rows.
  ///
  /// Sixteen partial sums, then halves onto halves, then the rest in order: a function of the two
  /// rows alone.
  package static func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
    precondition(a.count == b.count)
    var (even, odd) = (Vector.zero, Vector.zero)
    var i = 0
    while i + 2 * count <= a.count {
      even += a.lanes(i) * b.lanes(i)
      odd += a.lanes(i + count) * b.lanes(i + count)
      i += 2 * count
    }
    if i + count <= a.count {
      even += a.lanes(i) * b.lanes(i)
      i += count
    }
    var sum = total(even + odd)
    while i < a.count {
      sum += a[i] * b[i]
      i += 1
    }
    return sum
  }

  /// The sum of a row, in the order of ``dot(_:_:)``.
  package static func sum(_ a: Span<Float>) -> Float {
    var lanes = Vector.zero
    var i = 0
    while i + count <= a.count {
      lanes += a.lanes(i)
      i += count
    }
    var sum = total(lanes)
    while i < a.count {
      sum += a[i]
      i += 1
    }
    return sum
  }

  /// Whether all are numbers, and none is infinite.
  package static func isFinite(_ a: Span<Float>) -> Bool {
    // What is not finite is no zero times nothing.
    var (lanes, i) = (Vector.zero, 0)
    while i + count <= a.count {
      lanes += a.lanes(i) * 0
      i += count
    }
    if i < a.count { lanes += a.lastLanes(i) * 0 }
    return total(lanes) == 0
  }

  /// Adds `scale · x` to `y`.
  package static func add(_ x: Span<Float>, times scale: Float = 1, to y: inout MutableSpan<Float>)
  {
    precondition(x.count == y.count)
    let lanes = Vector(repeating: scale)
    var i = 0
    while i + count <= x.count {
      y.setLanes(i, y.lanes(i) + lanes * x.lanes(i))
      i += count
    }
    while i < x.count {
      y[i] += scale * x[i]
      i += 1
    }
  }

  /// Multiplies every number by `factor`.
  static func scale(_ x: inout MutableSpan<Float>, by factor: Float) {
    var i = 0
    while i + count <= x.count {
      x.setLanes(i, factor * x.lanes(i))
      i += count
    }
    while i < x.count {
      x[i] *= factor
      i += 1
    }
  }

  /// Writes `a + b`.
  package static func add(_ a: Span<Float>, _ b: Span<Float>, into y: inout MutableSpan<Float>) {
    precondition(a.count == y.count && b.count == y.count)
    var i = 0
    while i + count <= y.count {
      y.setLanes(i, a.lanes(i) + b.lanes(i))
      i += count
    }
    while i < y.count {
      y[i] = a[i] + b[i]
      i += 1
    }
  }

  /// Adds every row of `x`, (rows, width), to `sums`, (width).
  package static func addRows(_ x: Span<Float>, to sums: inout MutableSpan<Float>) {
    let width = sums.count
    precondition(width > 0 && x.count % width == 0)
    for row in 0..<(x.count / width) {
      add(x.extracting((row * width)..<(row * width + width)), to: &sums)
    }
  }

  /// Writes `row` into every row of `y`.
  package static func repeatRow(_ row: Span<Float>, into y: inout MutableSpan<Float>) {
    let width = row.count
    precondition(width > 0 && y.count % width == 0)
    for start in stride(from: 0, to: y.count, by: width) {
      for i in 0..<width { y[start + i] = row[i] }
    }
  }

  /// Writes `f` of every number: sixteen at a time, the last ones beside zeros.
  @inline(__always)
  static func map(
    _ x: Span<Float>,
    into y: inout MutableSpan<Float>,
    _ f: (Vector) -> Vector
  ) {
    precondition(x.count == y.count)
    var i = 0
    while i + count <= x.count {
      y.setLanes(i, f(x.lanes(i)))
      i += count
    }
    if i < x.count { y.setLastLanes(i, f(x.lastLanes(i))) }
  }

  /// Halves onto halves.
  @inline(__always)
  static func total(_ v: Vector) -> Float {
    let eight = v.lowHalf + v.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }
}

extension Span<Float> {
  /// Sixteen numbers from `start` on.
  @inline(__always)
  func lanes(_ start: Int) -> Lanes.Vector {
    precondition(start >= 0 && start + Lanes.count <= count)
    return unsafe bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: start * MemoryLayout<Float>.stride,
      as: Lanes.Vector.self
    )
  }

  /// The numbers from `start` to the end, fewer than sixteen, and zeros.
  @inline(never)
  func lastLanes(_ start: Int) -> Lanes.Vector {
    var lanes = Lanes.Vector.zero
    for i in start..<count { lanes[i - start] = self[i] }
    return lanes
  }
}

extension MutableSpan<Float> {
  @inline(__always)
  func lanes(_ start: Int) -> Lanes.Vector { span.lanes(start) }

  @inline(__always)
  mutating func setLanes(_ start: Int, _ lanes: Lanes.Vector) {
    precondition(start >= 0 && start + Lanes.count <= count)
    unsafe withUnsafeMutableBytes {
      unsafe $0.storeBytes(
        of: lanes,
        toByteOffset: start * MemoryLayout<Float>.stride,
        as: Lanes.Vector.self
      )
    }
  }

  /// Writes the numbers from `start` to the end, fewer than sixteen.
  @inline(never)
  mutating func setLastLanes(_ start: Int, _ lanes: Lanes.Vector) {
    for i in start..<count { self[i] = lanes[i - start] }
  }
}

extension Lanes.Vector {
  /// Each number's bits, as a whole number.
  @inline(__always)
  var bitPatterns: SIMD16<Int32> { unsafe unsafeBitCast(self, to: SIMD16<Int32>.self) }

  /// The numbers, those outside `low ... high` moved to the nearer end.
  ///
  /// (`clamped` goes lane by lane.)
  @inline(__always)
  func limited(_ low: Float, _ high: Float) -> Self {
    let raised = replacing(with: low, where: self .< low)
    return raised.replacing(with: high, where: raised .> high)
  }

  /// The numbers without their signs.
  @inline(__always)
  var magnitudes: Self { Self(bitPatterns: bitPatterns & Int32.max) }

  /// √x for x ≥ 0, to two units in the last place: Newton's iteration on 1/√x.
  ///
  /// (`squareRoot()` calls the library for every lane.)
  @inline(__always)
  var root: Self {
    var inverse = Self(bitPatterns: 0x5F37_59DF &- (bitPatterns &>> 1))
    let half = 0.5 * self
    for _ in 0..<3 { inverse = inverse * (1.5 - half * inverse * inverse) }
    return self * inverse
  }

  @inline(__always)
  init(bitPatterns: SIMD16<Int32>) { self = unsafe unsafeBitCast(bitPatterns, to: Self.self) }
}
