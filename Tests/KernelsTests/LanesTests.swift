import Kernels
import TestSupport
import Testing

@Suite("Lanes")
struct LanesTests {
  static let counts = [1, 5, 15, 16, 17, 32, 47, 64, 100]

  @Test("dot and sum agree with the plain sums", arguments: counts)
  func sums(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let (a, b) = (random.floats(count), random.floats(count))
    #expect(agree([Lanes.dot(a.span, b.span)], [dot(doubles(a), b)], 1e-5))
    #expect(agree([Lanes.sum(a.span)], [doubles(a).reduce(0, +)], 1e-5))
  }

  @Test("a scaled row is added", arguments: counts)
  func add(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let (x, held) = (random.floats(count), random.floats(count))
    var y = held
    var ys = y.mutableSpan
    Lanes.add(x.span, times: 2.5, to: &ys)
    #expect(y == zip(x, held).map { $1 + 2.5 * $0 })
    y.edit { Lanes.add(x.span, held.span, into: &$0) }
    #expect(y == zip(x, held).map(+))
  }

  @Test("rows are summed and repeated")
  func rows() {
    let x: [Float] = [1, 2, 3, 4, 5, 6]
    var sums: [Float] = [10, 20, 30]
    var span = sums.mutableSpan
    Lanes.addRows(x.span, to: &span)
    #expect(sums == [15, 27, 39])
    var repeated = [Float](repeating: 0, count: 6)
    var rows = repeated.mutableSpan
    Lanes.repeatRow(sums.span, into: &rows)
    #expect(repeated == sums + sums)
  }

  @Test("one number that is not finite is found wherever it is", arguments: counts)
  func finite(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let sound = random.floats(count) + [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0]
    func isFinite(_ numbers: [Float]) -> Bool { Lanes.isFinite(numbers.span) }
    #expect(isFinite(sound))
    for place in sound.indices {
      for value in [Float.nan, .infinity, -.infinity] {
        var bad = sound
        bad[place] = value
        #expect(!isFinite(bad))
      }
    }
  }

  @Test("numbers are their bytes, lowest first, wherever these lie", arguments: 0..<5)
  func bytes(offset: Int) {
    let numbers: [Float] = [1, -0.0, .leastNonzeroMagnitude, .infinity]
    var bytes = [UInt8](repeating: 7, count: offset)
    bytes.append(littleEndian: numbers.span)
    #expect(bytes[offset...].prefix(8) == [0, 0, 0x80, 0x3F, 0, 0, 0, 0x80])
    var read: [Float] = [9]
    read.append(littleEndian: bytes.span.extracting(offset..<bytes.count))
    #expect(read.map(\.bitPattern) == ([9] + numbers).map(\.bitPattern))
  }
}
