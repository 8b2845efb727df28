/// The colour and marker of a series: fifty-six that differ, dark enough on white.
struct PlotStyle {
  static let ink = "#222222"
  static let grid = "#dddddd"
  /// Okabe and Ito's colours, which the colour-blind can tell apart, the light ones darkened.
  private static let colors = [
    "#0072b2", "#d55e00", "#009e73", "#b0508e", "#000000", "#b07d00", "#3a8fc4", "#7a4a21",
  ]
  private static let shapes = 7

  let color: String
  private let shape: Int

  /// The style of the series at an index.
  init(_ index: Int) {
    color = Self.colors[index % Self.colors.count]
    shape = index % Self.shapes
  }

  /// A marker around a point.
  func marker(_ x: Double, _ y: Double, class name: String) -> String {
    let attributes = #"class="\#(name)" fill="\#(color)" stroke="white""#
    func polygon(_ corners: [(Double, Double)]) -> String {
      let points = corners.map { "\(number(x + $0.0)),\(number(y + $0.1))" }
      return #"<polygon points="\#(points.joined(separator: " "))" \#(attributes)/>"#
    }
    return switch shape {
    case 0: #"<circle cx="\#(number(x))" cy="\#(number(y))" r="4.50" \#(attributes)/>"#
    case 1: polygon([(-4, -4), (4, -4), (4, 4), (-4, 4)])
    case 2: polygon([(0, -5.5), (5, 4), (-5, 4)])
    case 3: polygon([(0, -6), (6, 0), (0, 6), (-6, 0)])
    case 4: polygon([(0, 5.5), (5, -4), (-5, -4)])
    case 5:
      polygon([
        (-2, -6), (2, -6), (2, -2), (6, -2), (6, 2), (2, 2), (2, 6), (-2, 6), (-2, 2), (-6, 2),
        (-6, -2), (-2, -2),
      ])
    default: polygon([(-5, -5.5), (5, -5.5), (-5, 5.5), (5, 5.5)])
    }
  }
}

/// A length as SVG writes it.
func number(_ value: Double) -> String { fixed(value, 2) }

/// Text that XML takes as it is: marks are escaped, and what XML has no place for is left out.
func escaped(_ text: String) -> String {
  var escaped = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": escaped += "&amp;"
    case "<": escaped += "&lt;"
    case ">": escaped += "&gt;"
    case "\"": escaped += "&quot;"
    case "\t", "\n", "\r", "\u{20}"..."\u{FFFD}", "\u{10000}"...:
      escaped.unicodeScalars.append(scalar)
    default: break
    }
  }
  return escaped
}
