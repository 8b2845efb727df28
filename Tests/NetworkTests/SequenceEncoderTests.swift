import Kernels
import Network
import Testing

@Suite("Sequence encoder")
struct SequenceEncoderTests {
  static let shapes = [
    Shape(items: 9, length: 4, width: 6, denoiser: .linear),
    Shape(items: 30, length: 10, width: 64, denoiser: .mlp),
    Shape(items: 12, length: 20, width: 40, denoiser: .linear),
    Shape(items: 9, length: 6, width: 12, denoiser: .none, blocks: 3, heads: 3),
    Shape(items: 30, length: 12, width: 64, denoiser: .residual, blocks: 2),
    Shape(items: 12, length: 5, width: 8, denoiser: .residual, blocks: 1, heads: 2),
  ]

  /// Sessions of every length, 0 to L, with an item that comes twice.
  static func sessions(_ shape: Shape) -> [[Int]] {
    (0...shape.length).map { length in (0..<length).map { ($0 * 5 + length) % shape.items } }
  }

  static func encode(_ sessions: [[Int]], _ encoder: inout SequenceEncoder) -> [Float] {
    let items = sessions.joined().map(Int32.init)
    let lengths = sessions.map { Int32($0.count) }
    var h = [Float](repeating: .nan, count: sessions.count * encoder.shape.width)
    h.edit { encoder.encode(items: items.span, lengths: lengths.span, into: &$0) }
    return h
  }

  @Test("h is the last row of the published block", arguments: shapes)
  func published(shape: Shape) {
    let weights = Weights.drawn(shape)
    var encoder = SequenceEncoder(weights)
    let model = NaiveModel(weights)
    let sessions = Self.sessions(shape)
    #expect(distance(Self.encode(sessions, &encoder), sessions.flatMap(model.encode)) < 1e-5)
  }

  @Test("h has the same bits alone and in a batch of any size", arguments: shapes)
  func batchIndependent(shape: Shape) {
    var encoder = SequenceEncoder(Weights.drawn(shape))
    let sessions = Array((Self.sessions(shape) + Self.sessions(shape)).prefix(20))
    let alone = sessions.flatMap { Self.encode([$0], &encoder) }
    for count in 1...sessions.count {
      let together = Self.encode(Array(sessions.suffix(count)), &encoder)
      let expected = alone.suffix(count * shape.width)
      #expect(together.map(\.bitPattern) == expected.map(\.bitPattern), "\(count)")
    }
  }

  @Test("no clicks give the bias of the last norm, and no sessions give nothing", arguments: shapes)
  func empty(shape: Shape) {
    let weights = Weights.drawn(shape)
    var encoder = SequenceEncoder(weights)
    let h = Self.encode([[], [3], []], &encoder)
    #expect(h.prefix(shape.width) == weights[.norm3Bias][...])
    #expect(h.suffix(shape.width) == weights[.norm3Bias][...])
    #expect(Self.encode([], &encoder).isEmpty)
  }
}
