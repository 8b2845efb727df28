/// A line or scatter plot, drawn as SVG without any library.
package struct Plot: Equatable, Sendable {
  package struct Axis: Equatable, Sendable {
    package enum Scale: Sendable {
      case linear, log2, log10
    }

    package let label: String
    package let scale: Scale
    /// Whether there is room for 0, lest small differences look large.
    package let hasZero: Bool

    package init(label: String, scale: Scale = .linear, hasZero: Bool = false) {
      self.label = label
      self.scale = scale
      self.hasZero = hasZero
    }
  }

  package struct Point: Equatable, Sendable {
    package let x: Double
    package let y: Double
    /// The ends of the error bar; it is drawn if both are known.
    package let low: Double?
    package let high: Double?

    package init(x: Double, y: Double, low: Double? = nil, high: Double? = nil) {
      self.x = x
      self.y = y
      self.low = low
      self.high = high
    }
  }

  package struct Series: Equatable, Sendable {
    package let name: String
    package let points: [Point]
    /// Whether a line goes through the points, in their order.
    package let joined: Bool

    package init(name: String, points: [Point], joined: Bool = true) {
      self.name = name
      self.points = points
      self.joined = joined
    }
  }

  package let title: String
  package let x: Axis
  package let y: Axis
  package let series: [Series]

  /// A plot of some series, each with its own colour and marker.
  ///
  /// Points that have no place, not finite or not above zero where the scale is logarithmic, are
  /// left out.
  ///
  /// - Parameters:
  ///   - title: What stands above it.
  ///   - x: The axis to the right.
  ///   - y: The axis upward.
  ///   - series: In the order of the legend.
  package init(title: String, x: Axis, y: Axis, series: [Series]) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
  }
}
