/// What a value must be, in words and in code.
struct Rule<Value: Sendable>: Sendable {
  /// Completes the sentence "it must be …".
  let words: String
  let parse: @Sendable (String) -> Value?
  /// Writes a value so that `parse` reads it back.
  let print: @Sendable (Value) -> String
}

extension Rule where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> Self {
    Rule(
      words: "a whole number from \(range.lowerBound) to \(range.upperBound)",
      parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
      print: { String($0) },
    )
  }
}

extension Rule where Value == UInt64 {
  static func integer(_ range: ClosedRange<UInt64>) -> Self {
    Rule(
      words: "a whole number from \(range.lowerBound) to \(range.upperBound)",
      parse: { text in UInt64(text).flatMap { range.contains($0) ? $0 : nil } },
      print: { String($0) },
    )
  }
}

extension Rule where Value == Float {
  static func number(_ range: ClosedRange<Float>) -> Self {
    Rule(
      words: "a number from \(shortest(range.lowerBound)) to \(shortest(range.upperBound))",
      parse: { text in Float(text).flatMap { range.contains($0) ? $0 : nil } },
      print: shortest,
    )
  }

  @Sendable
  private static func shortest(_ value: Float) -> String {
    Int(exactly: value).map { String($0) } ?? String(value)
  }
}

extension Rule where Value == Bool {
  static var flag: Self {
    Rule(words: "`true` or `false`", parse: { Bool($0) }, print: { String($0) })
  }
}

extension Rule where Value == Int64 {
  private static var units: [(name: String, ms: Int64)] {
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
  }

  /// A duration, in milliseconds; a bare number is milliseconds too.
  static func duration(_ range: ClosedRange<Int64>, zero: String? = nil) -> Self {
    let bounds = "from \(written(range.lowerBound)) to \(written(range.upperBound))"
    return Rule(
      words: "a duration \(bounds), such as `500ms`, `15m` or `30d`"
        + (zero.map { ", or `0` for \($0)" } ?? ""),
      parse: { text in
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text.dropFirst(digits.count)
        let unit = name.isEmpty ? 1 : units.first { $0.name == name }?.ms
        guard let count = Int64(digits), let unit else { return nil }
        let (ms, overflow) = count.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        return range.contains(ms) || (ms == 0 && zero != nil) ? ms : nil
      },
      print: written,
    )
  }

  /// In the largest unit that leaves a whole number.
  @Sendable
  private static func written(_ ms: Int64) -> String {
    if ms == 0 { return "0" }
    let unit = units.last { ms.isMultiple(of: $0.ms) } ?? units[0]
    return "\(ms / unit.ms)\(unit.name)"
  }
}

extension Rule where Value == String {
  static func text(_ words: String, length: ClosedRange<Int> = 1...1_024) -> Self {
    text(words, length: length) { !$0.isNewline }
  }

  static func text(
    _ words: String,
    length: ClosedRange<Int>,
    where allowed: @escaping @Sendable (Character) -> Bool
  ) -> Self {
    Rule(
      words: words,
      parse: { length.contains($0.utf8.count) && $0.allSatisfy(allowed) ? $0 : nil },
      print: { $0 },
    )
  }

  static var topic: Self {
    let name = name(atMost: 249)
    return Rule(
      words: name.words + ", not `.` or `..`",
      parse: { [".", ".."].contains($0) ? nil : name.parse($0) },
      print: name.print,
    )
  }

  /// What Kafka and Redis keys, host names and labels all take.
  static func name(atMost length: Int) -> Self {
    text("1 to \(length) of the characters `a-z A-Z 0-9 . _ -`", length: 1...length) {
      $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))
    }
  }
}

extension Rule where Value == [String] {
  static func list(of element: Rule<String>) -> Self {
    Rule(
      words: "a list, or a text with commas, each \(element.words)",
      parse: { text in
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { element.parse($0.trimmed) }
        return values.count == parts.count ? values : nil
      },
      print: { $0.joined(separator: ",") },
    )
  }
}

extension Rule where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
  static var choice: Self {
    Rule(
      words: "one of \(Value.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "))",
      parse: { Value(rawValue: $0) },
      print: { $0.rawValue },
    )
  }
}

extension Rule {
  /// Adds to what the rule says.
  func adding(_ more: String) -> Self { Rule(words: words + more, parse: parse, print: print) }

  /// The same rule for a value that is `nil` by default, or when the text is `none`.
  func optional(none: String? = nil) -> Rule<Value?> {
    Rule<Value?>(
      words: words + (none.map { ", or `\($0)`" } ?? ""),
      parse: { text in text == none ? .some(nil) : parse(text).map { .some($0) } },
      print: { value in value.map(print) ?? none ?? "" },
    )
  }

  /// The same rule for another type.
  func map<Other: Sendable>(
    to forth: @escaping @Sendable (Value) -> Other?,
    from back: @escaping @Sendable (Other) -> String
  ) -> Rule<Other> {
    Rule<Other>(words: words, parse: { parse($0).flatMap(forth) }, print: back)
  }
}

extension StringProtocol {
  /// Without white space at either end.
  var trimmed: String {
    var rest = Substring(self)
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
