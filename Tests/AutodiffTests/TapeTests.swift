import Autodiff
import Foundation
import Kernels
import Testing

/// Numbers that look random and are the same every time.
func numbers(_ count: Int, seed: Double = 1) -> [Float] {
  (0..<count).map { Float(sin(Double($0 + 1) * 12.9898 * seed + seed) * 1.3) }
}

/// A loss on a tape, whose gradient by the parameters is compared with finite differences.
struct Case: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let parameters: Int
  let loss: @Sendable (inout Tape) -> Double

  init(_ name: String, parameters: Int, loss: @escaping @Sendable (inout Tape) -> Double) {
    testDescription = name
    self.parameters = parameters
    self.loss = loss
  }

  static let target = numbers(12, seed: 3)

  /// The squared distance of a node to fixed numbers: a loss that every number of it moves.
  static func distance(_ tape: inout Tape, _ node: Tape.Node) -> Double {
    let fixed = tape.constant(numbers(node.rows * node.width, seed: 7), width: node.width)
    return tape.squaredError(node, fixed, weight: 0.5)
  }

  /// One operation on parameters of 3 × 4, and a distance.
  static func unary(
    _ name: String,
    more: Int = 0,
    _ operation: @escaping @Sendable (inout Tape, Tape.Node) -> Tape.Node
  ) -> Case {
    Case(name, parameters: 12 + more) { tape in
      let x = tape.parameter(0..<12, width: 4)
      let y = operation(&tape, x)
      return distance(&tape, y)
    }
  }

  static let all: [Case] = [
    unary("linear", more: 15) { $0.linear($1, 12..<27) },
    unary("norm", more: 8) { $0.norm($1, 12..<20) },
    unary("sphere") { $0.sphere($1, length: 2) },
    unary("relu") { $0.relu($1) },
    unary("gelu") { $0.gelu($1) },
    unary("sum, of one thing twice") { $0.sum($1, $1) },
    unary("weighted") { $0.weighted($1, by: [0.5, -2, 3]) },
    unary("dropout") { $0.dropout($1, probability: 0.5, seed: 3) },
    unary("take, one row twice") { $0.take($1, [2, 0, 2]) },
    unary("join, of one thing twice") { $0.join([$1, $1]) },
    unary("others") { $0.others($1) },
    unary("choose", more: 4) { tape, x in
      let other = tape.parameter(12..<16, width: 4)
      return tape.choose(x, or: other, where: [true, false, true])
    },
    Case("attention", parameters: 60) { tape in
      let nodes = (0..<3).map { tape.parameter(($0 * 20)..<($0 * 20 + 20), width: 4) }
      let y = tape.attention(
        query: nodes[0],
        key: nodes[1],
        value: nodes[2],
        lengths: [3, 0, 2],
        heads: 2
      )
      return distance(&tape, y)
    },
    Case("modulation", parameters: 12 + 24) { tape in
      let x = tape.parameter(0..<12, width: 4)
      let m = tape.parameter(12..<36, width: 8)
      let y = tape.modulated(x, by: m)
      return distance(&tape, y)
    },
    Case("cross-entropy", parameters: 12 + 20) { tape in
      let x = tape.parameter(0..<12, width: 4)
      let table = tape.parameter(12..<32, width: 4)
      return tape.crossEntropy(x, table: table, targets: [4, -1, 0], scale: 1.7, weight: 0.5)
    },
    Case("cross-entropy with offsets", parameters: 12 + 20) { tape in
      let x = tape.parameter(0..<12, width: 4)
      let table = tape.parameter(12..<32, width: 4)
      return tape.crossEntropy(
        x,
        table: table,
        targets: [4, 2, 0],
        offsets: [0, 1, -0.5, 2, 0],
        scale: 1.7,
        weight: 0.5
      )
    },
    Case("preference", parameters: 48) { tape in
      let parts = (0..<4).map { tape.parameter(($0 * 12)..<($0 * 12 + 12), width: 4) }
      return tape.preference(
        parts[0],
        positive: parts[1],
        over: parts[2],
        negative: parts[3],
        gamma: 0.8,
        weight: 0.6
      )
    },
    Case("squared error of both sides", parameters: 24) { tape in
      let (x, y) = (tape.parameter(0..<12, width: 4), tape.parameter(12..<24, width: 4))
      return tape.squaredError(x, y, weight: 0.3)
    },
    Case("binary cross-entropy", parameters: 36) { tape in
      let parts = (0..<3).map { tape.parameter(($0 * 12)..<($0 * 12 + 12), width: 4) }
      return tape.binaryCrossEntropy(
        parts[0],
        positive: parts[1],
        negative: parts[2],
        weight: 0.7
      )
    },
  ]
}

@Suite("Tape")
struct TapeTests {
  private func run(_ example: Case, _ parameters: [Float]) -> (loss: Double, gradient: [Float]) {
    var tape = Tape(parameters: example.parameters)
    tape.begin(parameters)
    let loss = example.loss(&tape)
    tape.backward()
    return (loss, tape.gradient)
  }

  @Test("every operation's gradient agrees with finite differences", arguments: Case.all)
  func gradient(example: Case) {
    let parameters = numbers(example.parameters)
    let gradient = run(example, parameters).gradient
    let step: Float = 2e-3
    for i in parameters.indices {
      var (up, down) = (parameters, parameters)
      up[i] += step
      down[i] -= step
      let slope = (run(example, up).loss - run(example, down).loss) / Double(up[i] - down[i])
      #expect(abs(Double(gradient[i]) - slope) < 2e-3 * max(1, abs(slope)), "parameter \(i)")
    }
    #expect(gradient.contains { $0 != 0 })
  }

  @Test("a run again gives the same bits, also after a smaller one")
  func again() {
    let example = Case.all[12]
    var tape = Tape(parameters: 60)
    func run() -> [Float] {
      tape.begin(numbers(60))
      _ = example.loss(&tape)
      tape.backward()
      return tape.gradient
    }
    let first = run()
    tape.begin(numbers(60, seed: 2))
    let x = tape.parameter(0..<4, width: 4)
    _ = Case.distance(&tape, x)
    tape.backward()
    #expect(run() == first)
  }

  @Test("a row attends to none after it, and to none of another sequence")
  func causal() {
    func attend(_ changed: Int?) -> [Float] {
      var input = numbers(20)
      if let changed { input[changed * 4] += 1 }
      var tape = Tape(parameters: 0)
      tape.begin([])
      let nodes = (0..<3).map { _ in tape.constant(input, width: 4) }
      let output = tape.attention(
        query: nodes[0],
        key: nodes[1],
        value: nodes[2],
        lengths: [3, 2],
        heads: 1
      )
      return tape.value(output)
    }
    let before = attend(nil)
    for row in 0..<5 {
      let after = attend(row)
      for other in 0..<5 {
        let same = before[(other * 4)..<(other * 4 + 4)] == after[(other * 4)..<(other * 4 + 4)]
        #expect(same == (other < row || (row < 3) != (other < 3)), "\(row) seen by \(other)")
      }
    }
  }

  @Test(
    "cross-entropy is that of the formula, over more rows than a chunk and odd items",
    arguments: [false, true]
  )
  func crossEntropy(isMasked: Bool) {
    let (rows, items, width) = (150, 37, 4)
    let (x, table) = (numbers(rows * width), numbers(items * width, seed: 2))
    let targets = (0..<rows).map { Int32($0 * 5 % items) }
    var tape = Tape(parameters: 0)
    tape.begin([])
    let (a, b) = (tape.constant(x, width: width), tape.constant(table, width: width))
    // Three items a row, of which one may be the target, and a place without any.
    let mask = CrossEntropy.Mask(
      items: (0..<rows).flatMap { [Int32($0 * 5 % items), Int32($0 * 7 % items), -1, 36] },
      ranges: (0..<rows).map { (4 * $0)..<(4 * $0 + 4) }
    )
    let loss = tape.crossEntropy(
      a,
      table: b,
      targets: targets,
      mask: isMasked ? mask : nil,
      scale: 3,
      weight: 0.01
    )
    var expected = 0.0
    for row in 0..<rows {
      let scores = (0..<items).map { item in
        3
          * (0..<width).reduce(0.0) {
            $0 + Double(x[row * width + $1]) * Double(table[item * width + $1])
          }
      }
      let highest = scores.max() ?? 0
      let left = isMasked ? Set(mask.items[mask.ranges[row]]).subtracting([targets[row]]) : []
      let total = scores.enumerated().reduce(0) { sum, next in
        left.contains(Int32(next.offset)) ? sum : sum + exp(next.element - highest)
      }
      expected += 0.01 * (log(total) + highest - scores[Int(targets[row])])
    }
    #expect(abs(loss - expected) < 1e-5 * expected)
  }

  @Test("dropout keeps the mean, and drops what it says")
  func dropout() {
    var tape = Tape(parameters: 0)
    tape.begin([])
    let x = tape.constant([Float](repeating: 1, count: 40_000), width: 4)
    let dropped = tape.dropout(x, probability: 0.25, seed: 9)
    let y = tape.value(dropped)
    #expect(abs(Double(y.count { $0 == 0 }) / 40_000 - 0.25) < 0.01)
    #expect(abs(y.reduce(0, +) / 40_000 - 1) < 0.02)
    #expect(tape.dropout(x, probability: 0, seed: 9) == x)
  }
}
