import Evaluation
import Foundation
import TestSupport
import Testing

@Suite("Plot")
struct PlotTests {
  private func read(
    x: Plot.Axis.Scale = .linear,
    y: Plot.Axis.Scale = .linear,
    _ series: [[Plot.Point]],
    joined: Bool = true
  ) -> SVGReader {
    let plot = Plot(
      title: "t",
      x: .init(label: "x", scale: x),
      y: .init(label: "y", scale: y),
      series: series.enumerated().map {
        .init(name: "s\($0.offset)", points: $0.element, joined: joined)
      }
    )
    let reader = SVGReader(plot.svg)
    #expect(reader.readable)
    for name in ["nan", "inf"] { #expect(!plot.svg.contains(name)) }
    return reader
  }

  /// The labels of the ticks across for points at `values`.
  private func ticks(_ scale: Plot.Axis.Scale, _ values: [Double]) -> [String] {
    let points = values.map { Plot.Point(x: $0, y: 1) }
    return read(x: scale, [points]).elements
      .filter { $0.attributes["class"] == "tick" && $0.attributes["text-anchor"] == "middle" }
      .map(\.text)
  }

  @Test("each point has a marker, each series a line and a name, each bar three strokes")
  func elements() {
    let points = [1.0, 2, 3].map { Plot.Point(x: $0, y: 2 * $0, low: $0, high: 3 * $0) }
    let reader = read([points, [.init(x: 1, y: 1), .init(x: 2, y: 2)]])
    #expect(reader.count("marker") == 5)
    #expect(reader.count("legend") == 2)
    #expect(reader.count("error") == 9)
    #expect(reader.all("polyline").count == 2)
    #expect(reader.texts("name") == ["s0", "s1"])
    #expect(read([points], joined: false).all("polyline").isEmpty)
  }

  @Test("points stand where the axes say")
  func places() throws {
    let reader = read(x: .log2, [[.init(x: 1, y: 0), .init(x: 4, y: 50), .init(x: 16, y: 100)]])
    let line = try #require(reader.all("polyline").first?.attributes["points"])
    let (left, middle, right) = ("76.00,384.00", "346.00,214.00", "616.00,44.00")
    #expect(line == "\(left) \(middle) \(right)")
  }

  @Test(
    "ticks are round numbers around the values",
    arguments: [
      (.linear, [0, 12], ["0", "2", "4", "6", "8", "10", "12"]),
      (.linear, [0.11, 0.29], ["0.10", "0.15", "0.20", "0.25", "0.30"]),
      (.linear, [-3, 5], ["-4", "-2", "0", "2", "4", "6"]),
      (.linear, [0, 6e6], (0...6).map { $0 == 0 ? "0" : "\($0)000000" }),
      (.linear, [0, 2.5e9], ["0", "0.5·10⁹", "1.0·10⁹", "1.5·10⁹", "2.0·10⁹", "2.5·10⁹"]),
      (.linear, [1e-8, 3e-8], ["1.0·10⁻⁸", "1.5·10⁻⁸", "2.0·10⁻⁸", "2.5·10⁻⁸", "3.0·10⁻⁸"]),
      (.log2, [3, 30], ["2", "4", "8", "16", "32"]), (.log2, [0.25, 1], ["0.25", "0.5", "1"]),
      (.log2, [1, 0x1p20], ["1", "8", "64", "512", "4096", "32768", "2¹⁸"]),
      (.log10, [1, 100], ["1", "2", "5", "10", "20", "50", "100"]),
      (.log10, [1e-5, 1], ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"]),
      (.log10, [1e5, 1e6], ["10⁵", "2·10⁵", "5·10⁵", "10⁶"]),
    ] as [(Plot.Axis.Scale, [Double], [String])]
  )
  func ticks(scale: Plot.Axis.Scale, values: [Double], labels: [String]) {
    #expect(ticks(scale, values) == labels)
  }

  @Test(
    "one value, or none at all, still makes an axis",
    arguments: [.linear, .log2, .log10] as [Plot.Axis.Scale],
    [[], [1], [7, 7, 7], [1e-150], [1e150, 1e-150], [1e12, 1e12 + 1e-3], [1, 1 + 1.1e-9]]
      as [[Double]]
  )
  func narrow(scale: Plot.Axis.Scale, values: [Double]) {
    let reader = read(x: scale, y: scale, [values.map { .init(x: $0, y: $0) }])
    #expect(reader.count("marker") == values.count)
    #expect((2...40).contains(reader.count("tick")))
  }

  @Test("an axis has room for 0 where that is asked for, and a logarithmic one cannot")
  func zero() {
    func lowest(_ scale: Plot.Axis.Scale, hasZero: Bool) -> String? {
      let axis = Plot.Axis(label: "x", scale: scale, hasZero: hasZero)
      let points = [4.0, 5].map { Plot.Point(x: $0, y: $0) }
      let plot = Plot(title: "t", x: axis, y: axis, series: [.init(name: "s", points: points)])
      let ticks = SVGReader(plot.svg).elements.filter { $0.attributes["class"] == "tick" }
      let across = ticks.filter { $0.attributes["text-anchor"] == "middle" }
      let up = ticks.filter { $0.attributes["text-anchor"] == "end" }
      #expect(across.map(\.text) == up.map(\.text))
      return up.first?.text
    }
    #expect(lowest(.linear, hasZero: true) == "0")
    #expect(lowest(.linear, hasZero: false) == "4.0")
    #expect(lowest(.log2, hasZero: true) == "4")
  }

  @Test("points without a place are left out, and a bar goes down as far as there is room")
  func skipped() {
    let odd: [Plot.Point] = [
      .init(x: .nan, y: 1), .init(x: 1, y: .infinity), .init(x: 1, y: 0), .init(x: 2, y: -3),
      .init(x: 1e301, y: 1), .init(x: 5, y: 5, low: .nan, high: 6),
      .init(x: 5, y: 5, low: 4, high: .infinity), .init(x: 5, y: 5, low: -1, high: 6),
    ]
    let logarithmic = read(y: .log10, [odd, []])
    #expect(logarithmic.count("marker") == 3)
    #expect(logarithmic.count("error") == 3)
    let errors = logarithmic.elements.filter { $0.attributes["class"] == "error" }
    #expect(errors.first?.attributes["y1"] == "384.00")
    #expect(read([odd]).count("marker") == 5)
  }

  @Test("series differ in colour or marker, whatever their number")
  func styles() {
    let reader = read((0..<56).map { _ in [] })
    let legends = reader.elements.filter { $0.attributes["class"] == "legend" }
    let looks = legends.enumerated().map { index, element in
      // The corners from the middle of the marker, a line of the legend further down each time.
      let corners = (element.attributes["points"] ?? "").split(separator: " ").map { corner in
        corner.split(separator: ",").compactMap { Double($0) }
      }
      let shape = corners.map { "\($0[0]) \(($0[1] - 22 * Double(index)).rounded())" }
      return "\(element.name) \(shape) \(element.attributes["fill"] ?? "")"
    }
    #expect(Set(looks).count == 56)
    #expect(Set(legends.compactMap { $0.attributes["fill"] }).count == 8)
  }

  @Test("text is escaped, and what XML forbids is left out")
  func escaped() {
    let nasty = "a<b> & \"c\" 'd' \u{0}\u{8}é😀"
    let plot = Plot(
      title: nasty,
      x: .init(label: nasty),
      y: .init(label: nasty),
      series: [.init(name: nasty, points: [])]
    )
    let reader = SVGReader(plot.svg)
    #expect(reader.readable)
    let texts = reader.all("text").map(\.text).filter { $0.contains("a") }
    #expect(texts.count == 4)
    #expect(texts.allSatisfy { $0 == "a<b> & \"c\" 'd' é😀" })
  }
}
