import Kernels
import TestSupport
import Testing

@Suite("Gemm")
struct GemmTests {
  /// Sizes beside and across the tile (6 rows) and the panel (16 outputs).
  static let sizes: [(inputs: Int, outputs: Int)] = [
    (1, 1), (3, 5), (64, 64), (64, 128), (17, 16), (40, 33), (7, 100), (128, 70),
  ]

  @Test("a row has the same bits in a batch of any size", arguments: sizes, [false, true])
  func batchIndependent(size: (inputs: Int, outputs: Int), adding: Bool) {
    var random = SeededGenerator(seed: UInt64(size.inputs * 1000 + size.outputs))
    let (inputs, outputs) = size
    let weight = PackedMatrix(
      outputsByInputs: random.floats(outputs * inputs).span,
      outputs: outputs,
      inputs: inputs
    )
    let bias = random.floats(outputs)
    let x = random.floats(20 * inputs)
    let held = random.floats(20 * outputs)

    func product(rows: Range<Int>) -> [Float] {
      var y = Array(held[(rows.lowerBound * outputs)..<(rows.upperBound * outputs)])
      let x = Array(x[(rows.lowerBound * inputs)..<(rows.upperBound * inputs)])
      var ys = y.mutableSpan
      Gemm.rows(x.span, weight, bias: bias.span, into: &ys, adding: adding)
      return y
    }
    let alone = (0..<20).flatMap { product(rows: $0..<($0 + 1)) }
    for count in 2...20 {
      for first in [0, 20 - count] {
        let together = product(rows: first..<(first + count))
        let expected = alone[(first * outputs)..<((first + count) * outputs)]
        #expect(together.map(\.bitPattern) == expected.map(\.bitPattern), "\(count) from \(first)")
      }
    }
  }

  @Test("packed rows agree with the plain sum", arguments: sizes, [false, true])
  func rows(size: (inputs: Int, outputs: Int), adding: Bool) {
    var random = SeededGenerator(seed: 7)
    let (inputs, outputs) = size
    let w = random.floats(outputs * inputs)
    let (bias, x) = (random.floats(outputs), random.floats(8 * inputs))
    let weight = PackedMatrix(outputsByInputs: w.span, outputs: outputs, inputs: inputs)
    let held = random.floats(8 * outputs)
    for bias in [nil, bias] {
      var y = held
      var ys = y.mutableSpan
      if let bias {
        Gemm.rows(x.span, weight, bias: bias.span, into: &ys, adding: adding)
      } else {
        Gemm.rows(x.span, weight, into: &ys, adding: adding)
      }
      for row in 0..<8 {
        for output in 0..<outputs {
          var sum = Double(bias?[output] ?? 0)
          if adding { sum += Double(held[row * outputs + output]) }
          for k in 0..<inputs {
            sum += Double(x[row * inputs + k]) * Double(w[output * inputs + k])
          }
          #expect(abs(Double(y[row * outputs + output]) - sum) < 1e-4)
        }
      }
    }
  }

  @Test("multiply agrees with the plain sum", arguments: [false, true], [false, true])
  func multiply(aTransposed: Bool, bTransposed: Bool) {
    var random = SeededGenerator(seed: 3)
    let (m, n, k) = (5, 7, 11)
    let (a, b, held) = (random.floats(m * k), random.floats(k * n), random.floats(m * n))
    var c = held
    var cs = c.mutableSpan
    Gemm.multiply(
      a.span,
      transposed: aTransposed,
      b.span,
      transposed: bTransposed,
      into: &cs,
      m: m,
      n: n,
      k: k,
      alpha: 2,
      beta: 0.5
    )
    for i in 0..<m {
      for j in 0..<n {
        var sum = 0.5 * Double(held[i * n + j])
        for l in 0..<k {
          let left = aTransposed ? a[l * m + i] : a[i * k + l]
          let right = bTransposed ? b[j * k + l] : b[l * n + j]
          sum += 2 * Double(left) * Double(right)
        }
        #expect(abs(Double(c[i * n + j]) - sum) < 1e-5)
      }
    }
  }

  @Test("one thread, unless more are asked for")
  func threads() {
    #expect(Gemm.threads == 1)
    Gemm.threads = 2
    #expect(Gemm.threads == 2)
    Gemm.threads = 1
  }
}
