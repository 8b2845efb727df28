/// What happened: told line by line when somebody wants to read it, and counted always.
struct Trace {
  let isKept: Bool
  private(set) var lines: [String] = []
  private(set) var counts: [String: Int] = [:]

  init(isKept: Bool) { self.isKept = isKept }

  mutating func append(_ line: String) { lines.append(line) }

  mutating func count(_ what: String, _ by: Int = 1) { counts[what, default: 0] += by }
}
