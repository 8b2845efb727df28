internal import Glibc

/// Where the values of an axis stand, and which of them are named.
struct PlotScale {
  struct Tick: Equatable {
    let value: Double
    let label: String
  }

  let ticks: [Tick]
  private let kind: Plot.Axis.Scale
  private let low: Double
  private let high: Double

  /// - Parameters:
  ///   - kind: How values are spaced.
  ///   - values: What must find room; what has no place on the scale is passed over.
  init(_ kind: Plot.Axis.Scale, _ values: [Double]) {
    self.kind = kind
    let places = values.compactMap { Self.transform($0, kind) }
    var (low, high) = (places.min() ?? 0, places.max() ?? 1)
    let size = max(abs(low), abs(high), kind == .linear ? 0 : 1)
    if high - low <= 1e-8 * size {
      let room = kind != .linear ? 1 : low == 0 ? 0.5 : abs(low) * 0.1
      (low, high) = (low - room, high + room)
    }
    switch kind {
    case .linear: (ticks, self.low, self.high) = Self.linear(low, high)
    case .log2: (ticks, self.low, self.high) = Self.powers(of: 2, low, high)
    case .log10: (ticks, self.low, self.high) = Self.powers(of: 10, low, high)
    }
  }

  /// Where a value stands, from 0 to 1; `nil` if it has no place.
  func place(_ value: Double) -> Double? {
    Self.transform(value, kind).map { ($0 - low) / (high - low) }
  }

  /// Whether a value has a place on such a scale.
  static func has(_ value: Double, _ kind: Plot.Axis.Scale) -> Bool {
    transform(value, kind) != nil
  }

  private static func transform(_ value: Double, _ kind: Plot.Axis.Scale) -> Double? {
    // So far and no farther, lest a step between ticks be infinite or nothing.
    guard abs(value) < 1e200 else { return nil }
    if kind == .linear { return abs(value) < 1e-200 ? 0 : value }
    guard value > 1e-200 else { return nil }
    return kind == .log2 ? Glibc.log2(value) : Glibc.log10(value)
  }

  /// Four to eight multiples of 1, 2 or 5 times a power of ten, the outermost at the ends.
  private static func linear(_ low: Double, _ high: Double) -> ([Tick], Double, Double) {
    let rough = (high - low) / 6
    var exponent = Glibc.log10(rough).rounded(.down)
    var factor = [1.0, 2, 5].first { rough <= $0 * pow(10, exponent) * 1.000_001 } ?? 10
    if factor == 10 { (factor, exponent) = (1, exponent + 1) }
    let step = factor * pow(10, exponent)
    let first = (low / step + 1e-9).rounded(.down)
    let last = (high / step - 1e-9).rounded(.up)
    let digits = Glibc.log10(max(abs(first), abs(last)) * factor).rounded(.down)
    let ticks = stride(from: first, through: last, by: 1).prefix(20).map { index in
      Tick(value: index * step, label: label(index * factor, exponent, digits))
    }
    return (Array(ticks), first * step, last * step)
  }

  /// At most nine powers of the base; of ten also 2 and 5 times them when there are few.
  private static func powers(
    of base: Double,
    _ low: Double,
    _ high: Double
  ) -> ([Tick], Double, Double) {
    let first = (low + 1e-9).rounded(.down)
    let last = (high - 1e-9).rounded(.up)
    let step = max(1, ((last - first) / 8).rounded(.up))
    let factors = base == 10 && last - first <= 2 ? [1.0, 2, 5] : [1]
    var ticks: [Tick] = []
    for exponent in stride(from: first, through: last, by: step) {
      for factor in factors where factor == 1 || exponent < last {
        let value = factor * pow(base, exponent)
        ticks.append(Tick(value: value, label: label(value, factor, base, exponent)))
      }
    }
    return (ticks, first, last)
  }

  /// A whole number of powers of ten, of which the greatest has so many digits after the first.
  private static func label(_ count: Double, _ exponent: Double, _ digits: Double) -> String {
    if count == 0 { return "0" }
    if (-6...0).contains(exponent) { return fixed(count * pow(10, exponent), Int(-exponent)) }
    if (1...6).contains(exponent) { return fixed(count * pow(10, exponent), 0) }
    return "\(fixed(count / pow(10, digits), Int(digits)))·10\(superscript(exponent + digits))"
  }

  /// A factor of a power, whose value is known.
  private static func label(
    _ value: Double,
    _ factor: Double,
    _ base: Double,
    _ exponent: Double
  ) -> String {
    if value >= 1, value < 1e5 { return fixed(value, 0) }
    if value >= 1e-3, value < 1 {
      var text = fixed(value, 9)
      while text.last == "0" { text.removeLast() }
      return text
    }
    let power = fixed(base, 0) + superscript(exponent)
    return factor == 1 ? power : "\(fixed(factor, 0))·\(power)"
  }

  private static func superscript(_ number: Double) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return String(fixed(number, 0).map { $0 == "-" ? "⁻" : digits[$0.wholeNumberValue ?? 0] })
  }
}
