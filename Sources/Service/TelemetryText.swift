/// Writes metrics in Prometheus' text format, version 0.0.4.
package struct TelemetryText {
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  package private(set) var text = ""

  package init() {}

  package mutating func add(_ family: Family<Counter>) {
    head(family.name, "counter", family.help)
    for (values, counter) in family.all {
      line(family.name, zip(family.labels, values), "\(counter.value)")
    }
  }

  /// Adds gauges, or what another has counted for us, whose `type` is then `counter`.
  package mutating func add(_ family: Family<Gauge>, type: String = "gauge") {
    head(family.name, type, family.help)
    for (values, gauge) in family.all {
      line(family.name, zip(family.labels, values), Self.number(gauge.value))
    }
  }

  package mutating func add(_ family: Family<Histogram>) {
    head(family.name, "histogram", family.help)
    for (values, histogram) in family.all {
      let snapshot = histogram.snapshot
      let labels = Array(zip(family.labels, values))
      var below: UInt64 = 0
      for (bound, count) in zip(snapshot.bounds + [.infinity], snapshot.counts) {
        below += count
        line(family.name + "_bucket", labels + [("le", Self.number(bound))], "\(below)")
      }
      line(family.name + "_sum", labels, Self.number(snapshot.sum))
      line(family.name + "_count", labels, "\(below)")
    }
  }

  private mutating func head(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(Self.escaped(help, ["\\", "\n"]))\n# TYPE \(name) \(type)\n"
  }

  private mutating func line(
    _ name: String,
    _ labels: some Sequence<(String, String)>,
    _ value: String
  ) {
    let written = labels.map { label, value in
      "\(label)=\"\(Self.escaped(value, ["\\", "\n", "\""]))\""
    }
    text += name + (written.isEmpty ? "" : "{\(written.joined(separator: ","))}") + " \(value)\n"
  }

  private static func escaped(_ text: String, _ special: [Unicode.Scalar]) -> String {
    // Most texts have none of them, and looking is quicker than building anew.
    if !text.unicodeScalars.contains(where: special.contains) { return text }
    return text.unicodeScalars.reduce(into: "") { escaped, scalar in
      if special.contains(scalar) { escaped += "\\" }
      escaped += scalar == "\n" ? "n" : String(scalar)
    }
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return Int64(exactly: value).map { String($0) } ?? String(value)
  }
}
