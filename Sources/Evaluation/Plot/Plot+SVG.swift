extension Plot {
  /// The plot as a file, the same bytes for the same plot.
  package var svg: String {
    let values = series.flatMap(\.points)
      .filter { point in
        PlotScale.has(point.x, x.scale) && PlotScale.has(point.y, y.scale)
      }
    let heights = values.flatMap { [$0.y] + ($0.bar.map { [$0.low, $0.high] } ?? []) }
    let drawing = Drawing(
      across: PlotScale(x.scale, values.map(\.x) + (x.hasZero ? [0] : [])),
      up: PlotScale(y.scale, heights + (y.hasZero ? [0] : [])),
      names: series.map(\.name)
    )
    let lines =
      [drawing.opening] + drawing.frame + drawing.labels(self)
      + series.enumerated().flatMap { drawing.series($0.element, at: $0.offset) }
    return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
  }
}

extension Plot.Point {
  /// Both ends of the error bar, if they are known.
  fileprivate var bar: (low: Double, high: Double)? {
    guard let low, let high, low.isFinite, high.isFinite else { return nil }
    return (min(low, high), max(low, high))
  }
}

/// The elements of one plot; lengths are in pixels.
private struct Drawing {
  let across: PlotScale
  let up: PlotScale
  let names: [String]

  private let left = 76.0
  private let top = 44.0
  private let width = 540.0
  private let height = 340.0
  private var right: Double { left + width }
  private var bottom: Double { top + height }
  private var nameLeft: Double { right + 46 }

  var opening: String {
    let longest = names.map(\.count).max() ?? 0
    let whole = number(nameLeft + 8 * Double(longest) + 16)
    let tall = number(max(bottom + 60, legendPlace(names.count)))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(whole)" height="\(tall)" \
      viewBox="0 0 \(whole) \(tall)" font-family="Helvetica, Arial, sans-serif" font-size="13">
      <rect width="100%" height="100%" fill="white"/>
      """
  }

  /// The grid with its values, and the two axes.
  var frame: [String] {
    var lines: [String] = []
    for tick in across.ticks {
      guard let x = horizontal(tick.value) else { continue }
      lines.append(line(x, top, x, bottom, #"stroke="\#(PlotStyle.grid)""#))
      lines.append(text(tick.label, x, bottom + 20, #"class="tick" text-anchor="middle""#))
    }
    for tick in up.ticks {
      guard let y = vertical(tick.value) else { continue }
      lines.append(line(left, y, right, y, #"stroke="\#(PlotStyle.grid)""#))
      lines.append(text(tick.label, left - 8, y + 4.5, #"class="tick" text-anchor="end""#))
    }
    lines.append(line(left, bottom, right, bottom, #"stroke="\#(PlotStyle.ink)""#))
    lines.append(line(left, top, left, bottom, #"stroke="\#(PlotStyle.ink)""#))
    return lines
  }

  func labels(_ plot: Plot) -> [String] {
    let (middle, side) = (left + width / 2, top + height / 2)
    let turned = #"text-anchor="middle" transform="rotate(-90 18 \#(number(side)))""#
    return [
      text(plot.title, middle, 24, #"text-anchor="middle" font-size="16" font-weight="bold""#),
      text(plot.x.label, middle, bottom + 46, #"text-anchor="middle""#),
      text(plot.y.label, 18, side, turned),
    ]
  }

  /// The line of a series, its error bars, its markers, and its place in the legend.
  func series(_ series: Plot.Series, at index: Int) -> [String] {
    let style = PlotStyle(index)
    let points = series.points.compactMap { point in
      horizontal(point.x).flatMap { x in vertical(point.y).map { (point, x, $0) } }
    }
    var lines: [String] = []
    if series.joined, points.count > 1 {
      let path = points.map { "\(number($0.1)),\(number($0.2))" }.joined(separator: " ")
      lines.append(
        #"<polyline points="\#(path)" fill="none" stroke="\#(style.color)" stroke-width="2"/>"#
      )
    }
    for (point, x, y) in points {
      if let bar = point.bar, let high = vertical(bar.high) {
        // On a logarithmic scale a bar may go down to where there is no place.
        lines.append(contentsOf: errorBar(x, vertical(bar.low) ?? bottom, high, style))
      }
      lines.append(style.marker(x, y, class: "marker"))
    }
    let y = legendPlace(index)
    if series.joined {
      let stroke = #"stroke="\#(style.color)" stroke-width="2""#
      lines.append(line(right + 14, y, right + 40, y, stroke))
    }
    lines.append(style.marker(right + 27, y, class: "legend"))
    lines.append(text(series.name, nameLeft, y + 4.5, #"class="name""#))
    return lines
  }

  private func errorBar(_ x: Double, _ low: Double, _ high: Double, _ style: PlotStyle) -> [String]
  {
    let stroke = #"class="error" stroke="\#(style.color)""#
    return [
      line(x, low, x, high, stroke), line(x - 4, low, x + 4, low, stroke),
      line(x - 4, high, x + 4, high, stroke),
    ]
  }

  private func legendPlace(_ index: Int) -> Double { top + 12 + 22 * Double(index) }

  private func horizontal(_ value: Double) -> Double? {
    across.place(value).map { left + width * $0 }
  }

  private func vertical(_ value: Double) -> Double? {
    up.place(value).map { bottom - height * $0 }
  }

  private func line(
    _ x1: Double,
    _ y1: Double,
    _ x2: Double,
    _ y2: Double,
    _ attributes: String
  ) -> String {
    let ends = zip(["x1", "y1", "x2", "y2"], [x1, y1, x2, y2])
      .map { #"\#($0)="\#(number($1))""# }
    return "<line \(ends.joined(separator: " ")) \(attributes)/>"
  }

  private func text(_ text: String, _ x: Double, _ y: Double, _ attributes: String) -> String {
    let place = #"x="\#(number(x))" y="\#(number(y))" fill="\#(PlotStyle.ink)""#
    return "<text \(place) \(attributes)>\(escaped(text))</text>"
  }
}
