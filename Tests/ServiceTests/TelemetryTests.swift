import Foundation
import Testing

@testable import Service

/// What a scraper reads out of Prometheus' text format, written from the format's description.
struct Exposition {
  struct Series: Hashable {
    let name: String
    let labels: [String: String]

    init(_ name: String, _ labels: [String: String] = [:]) {
      self.name = name
      self.labels = labels
    }
  }

  struct Malformed: Error { let line: Substring }

  private(set) var values: [Series: Double] = [:]
  private(set) var types: [String: String] = [:]
  private(set) var help: [String: String] = [:]

  init(_ text: String) throws {
    #expect(text.hasSuffix("\n"))
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
      if line.hasPrefix("# HELP ") {
        help[String(words[2])] = Self.unescaped(words[3])
      } else if line.hasPrefix("# TYPE ") {
        types[String(words[2])] = String(words[3])
      } else {
        try add(line)
      }
    }
  }

  private mutating func add(_ line: Substring) throws {
    guard let blank = line.lastIndex(of: " "), let value = Double(line[blank...].dropFirst())
    else { throw Malformed(line: line) }
    let series = line[..<blank]
    let name = series.prefix { $0 != "{" }
    var rest = series.dropFirst(name.count + 1).dropLast()
    var labels: [String: String] = [:]
    while !rest.isEmpty {
      guard let match = rest.prefixMatch(of: #/(\w+)="((?:[^"\\]|\\.)*)",?/#) else {
        throw Malformed(line: line)
      }
      labels[String(match.1)] = Self.unescaped(match.2)
      rest = rest[match.range.upperBound...]
    }
    #expect(values.updateValue(value, forKey: Series(String(name), labels)) == nil, "\(line) twice")
  }

  private static func unescaped(_ text: Substring) -> String {
    var plain = ""
    var rest = text
    while let character = rest.popFirst() {
      guard character == "\\", let next = rest.popFirst() else {
        plain.append(character)
        continue
      }
      plain.append(next == "n" ? "\n" : next)
    }
    return plain
  }
}

@Suite("Telemetry")
struct TelemetryTests {
  @Test("counters only grow, from any number of threads")
  func counters() async {
    let counter = Counter()
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<1_000 { counter.add(2) } }
      }
    }
    counter.add(-5)
    counter.add(0)
    #expect(counter.value == 16_000)
  }

  @Test("a value on a bound belongs to the bucket below it")
  func buckets() {
    let histogram = Histogram(bounds: [1, 2, 4])
    for value in [0, 1, 1.5, 2, 3, 4, 4.1, .infinity, .nan] { histogram.observe(value) }
    #expect(histogram.snapshot.counts == [2, 2, 2, 2])
    #expect(histogram.snapshot.count == 8)
    #expect(histogram.snapshot.sum == .infinity)
  }

  @Test("bounds grow by their ratio and end at the last")
  func bounds() {
    #expect(Histogram.bounds(from: 1, to: 8, ratio: 2) == [1, 2, 4, 8])
    #expect(Histogram.bounds(from: 1, to: 5, ratio: 2) == [1, 2, 4, 5])
  }

  @Test("a label cannot fill the memory: what is too many shares one series")
  func manySeries() {
    let family = Family("many", "Many.", labels: ["id", "of"], make: { Counter() })
    for number in 0..<(Family<Counter>.mostSeries + 50) { family["\(number)", "x"].add() }
    #expect(family.all.count == Family<Counter>.mostSeries + 1)
    #expect(family["other", "other"].value == 50)
    #expect(family["7", "x"].value == 1)
  }

  @Test("the text says what was counted, labels escaped")
  func text() throws {
    let counters = Family("c_total", "A \\ and\na line.", labels: ["why"], make: { Counter() })
    let odd = "a \"quote\", a \\, {braces}\nand a line"
    counters[odd].add(3)
    counters["plain"].add()
    let gauges = Family("g", "Gauge.", labels: [], make: { Gauge() })
    gauges[].set(1e-7)
    let histograms = Family(
      "h_seconds",
      "H.",
      labels: ["s"],
      make: { Histogram(bounds: [0.1, 1]) }
    )
    for value in [0.05, 0.5, 0.5, 7] { histograms["x"].observe(value) }

    var text = TelemetryText()
    text.add(counters)
    text.add(gauges)
    text.add(histograms)
    let read = try Exposition(text.text)
    #expect(read.types == ["c_total": "counter", "g": "gauge", "h_seconds": "histogram"])
    #expect(read.help["c_total"] == "A \\ and\na line.")
    #expect(
      read.values == [
        .init("c_total", ["why": odd]): 3, .init("c_total", ["why": "plain"]): 1,
        .init("g"): 1e-7,
        .init("h_seconds_bucket", ["s": "x", "le": "0.1"]): 1,
        .init("h_seconds_bucket", ["s": "x", "le": "1"]): 3,
        .init("h_seconds_bucket", ["s": "x", "le": "+Inf"]): 4,
        .init("h_seconds_sum", ["s": "x"]): 8.05, .init("h_seconds_count", ["s": "x"]): 4,
      ]
    )
  }

  @Test(
    "numbers as Prometheus reads them",
    arguments: [
      (Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (3, "3"), (0.25, "0.25"),
      (1e300, "1e+300"),
    ]
  )
  func numbers(value: Double, text: String) {
    #expect(TelemetryText.number(value) == text)
  }
}
